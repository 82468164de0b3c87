//! Files and deliveries on their way in: a folder that others may write, and the order of arrival.

mod doors;
mod hook;
mod hostile;
mod many;
mod order;
mod other_user;
