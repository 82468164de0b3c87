//! A small disk that can be filled and emptied: a file system in memory, mounted at a folder.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A mounted disk. It is unmounted with this value.
pub struct Disk {
    path: PathBuf,
}

impl Disk {
    /// Mounts a disk of this size at a folder, which is made.
    pub fn mount(path: &Path, mebibytes: u32) -> Self {
        std::fs::create_dir_all(path).expect("a folder to mount at");
        let mounted = Command::new("mount")
            .args([
                "-t",
                "tmpfs",
                "-o",
                &format!("size={mebibytes}m,mode=0700"),
                "tmpfs",
            ])
            .arg(path)
            .status()
            .expect("mount to run");
        assert!(
            mounted.success(),
            "this test needs to mount a small disk: run it as root"
        );
        Self {
            path: path.to_owned(),
        }
    }

    /// Fills it to the last byte.
    pub fn fill(&self) {
        let mut file =
            File::create(self.path.join("filler")).expect("a file to fill the disk with");
        for bytes in [1 << 20, 4096, 1] {
            while file.write_all(&vec![1; bytes]).is_ok() {}
        }
    }

    /// Frees the space.
    pub fn free(&self) {
        std::fs::remove_file(self.path.join("filler")).expect("the disk was filled before");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // A daemon that is still being killed may have a file open there.
        drop(Command::new("umount").arg("-l").arg(&self.path).status());
    }
}
