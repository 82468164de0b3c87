//! What the machine calls its users.
//!
//! The name is what the machine's own list of users has for it, which only root can write; users whom another
//! directory knows are kept by their number.

use std::path::Path;

/// The machine's own list of users.
const USERS: &str = "/etc/passwd";

/// Longest name that is taken from the list, in characters.
const USER_CHARS_MAX: usize = 64;

/// What the machine calls the user with this number; `None` if it has no name for it.
pub fn name_of(uid: u32) -> Option<String> {
    user(Path::new(USERS), uid)
}

fn user(list: &Path, uid: u32) -> Option<String> {
    // Read anew each time: users come and go, and people give orders rarely.
    let text = std::fs::read(list).ok()?;
    let text = String::from_utf8_lossy(&text);
    let named = text.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let number = fields.nth(1)?;
        (number.parse() == Ok(uid)).then_some(name)
    })?;
    let plain = named.chars().filter(|char| !char.is_control());
    Some(plain.take(USER_CHARS_MAX).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_the_name_that_the_machine_has_for_it() {
        let list = tempfile::NamedTempFile::new().unwrap();
        let text = "root:x:0:0::/root:/bin/sh\nbroken\nops:x:1000:1000:Ops:/home/ops:/bin/sh\n";
        std::fs::write(list.path(), text).unwrap();
        assert_eq!(user(list.path(), 1000).as_deref(), Some("ops"));
        assert_eq!(user(list.path(), 0).as_deref(), Some("root"));
        assert_eq!(user(list.path(), 7), None);
        assert_eq!(user(Path::new("/nowhere"), 0), None);
    }
}
