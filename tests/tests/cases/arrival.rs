//! Files and deliveries on their way in: a folder that others may write, and the order of arrival.
