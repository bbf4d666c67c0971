//! Files that hold what customers and providers sent: for their owner alone, whatever the umask says.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::Path,
};

/// Makes a file that must not exist.
pub fn create_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Makes a folder and those above it, as far as they are missing.
pub fn create_folder(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// The permissions of a file or folder, if they let anybody but its owner in.
pub fn open_to_others(path: &Path) -> Option<u32> {
    let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
    (mode & 0o077 != 0).then_some(mode)
}

/// An empty file, which `SQLite` takes for a new database; its `-wal` and `-shm` get the same permissions. One that is
/// there stays as it is.
pub(crate) fn prepare_database(path: &Path) -> io::Result<()> {
    match create_file(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        result => result.map(drop),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_here_is_for_its_owner_alone() {
        let folder = std::env::temp_dir().join(format!("patchbay_private_{}", std::process::id()));
        let inner = folder.join("inner");
        create_folder(&inner).unwrap();
        create_folder(&inner).unwrap();
        let file = inner.join("file");
        create_file(&file).unwrap();
        let found = [&folder, &inner, &file].map(|path| open_to_others(path));
        let again = create_file(&file).map_err(|error| error.kind()).err();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
        let opened = open_to_others(&file);
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(found, [None; 3]);
        assert_eq!(again, Some(io::ErrorKind::AlreadyExists));
        assert_eq!(opened, Some(0o640));
    }
}
