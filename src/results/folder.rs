//! The folder from which a gateway takes the documents: bytes in, a file that is there in whole or not at all out.
//!
//! A file is written under a name that begins with a point and ends in `.partial`, made durable, then renamed. Only files that
//! this module names are ever removed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::config::ResultFormat;

const FORMATS: [ResultFormat; 4] =
    [ResultFormat::Fhir, ResultFormat::DicomSr, ResultFormat::DicomSc, ResultFormat::Hl7];

/// Name of the document of a revision in a format.
pub fn file_name(event_id: &str, format: ResultFormat) -> String {
    let extension = match format {
        ResultFormat::Fhir => "fhir.json",
        ResultFormat::DicomSr => "sr.dcm",
        ResultFormat::DicomSc => "sc.dcm",
        ResultFormat::Hl7 => "hl7",
    };
    format!("{event_id}.{extension}")
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Folder {
    dir: PathBuf,
}

impl Folder {
    /// A folder that is made when it is not there.
    pub const fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// Where it is.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Writes a document. Durable when this returns; a file of that name is replaced.
    ///
    /// # Errors
    /// When the folder cannot be written; nothing of that name has changed then.
    pub fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        fs::create_dir_all(&self.dir)?;
        let partial = self.dir.join(format!(".{name}.partial"));
        let written = Self::fill(&partial, bytes).and_then(|()| fs::rename(&partial, self.dir.join(name)));
        if written.is_err() {
            let _ = fs::remove_file(&partial);
        }
        written?;
        File::open(&self.dir)?.sync_all()
    }

    /// Readable by the group, to which a gateway may belong. A new file always: whoever may write here too must not be able to
    /// lead the device elsewhere by a link.
    fn fill(partial: &Path, bytes: &[u8]) -> io::Result<()> {
        match fs::remove_file(partial) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o640).open(partial)?;
        // whatever the unit's umask
        file.set_permissions(fs::Permissions::from_mode(0o640))?;
        file.write_all(bytes)?;
        file.sync_all()
    }

    /// Removes what a revision left here and nobody took.
    ///
    /// # Errors
    /// When a file is there and cannot be removed.
    pub fn remove(&self, event_id: &str) -> io::Result<()> {
        for format in FORMATS {
            match fs::remove_file(self.dir.join(file_name(event_id, format))) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_document_stands_in_whole_under_its_name_and_nothing_is_left_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::new(dir.path().join("results"));
        folder.write("k-1.hl7", b"first").unwrap();
        folder.write("k-1.hl7", b"again").unwrap();
        assert_eq!(names(folder.dir()), ["k-1.hl7"]);
        assert_eq!(fs::read(folder.dir().join("k-1.hl7")).unwrap(), b"again");
    }

    #[test]
    fn only_what_was_written_for_the_revision_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::new(dir.path().to_owned());
        for name in ["k-1.hl7", "k-1.sr.dcm", "k-10.hl7", "k-1.txt", "other"] {
            fs::write(dir.path().join(name), "x").unwrap();
        }
        folder.remove("k-1").unwrap();
        assert_eq!(names(dir.path()), ["k-1.txt", "k-10.hl7", "other"]);
    }

    #[test]
    fn a_link_in_the_folder_leads_nowhere() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("precious"), "x").unwrap();
        std::os::unix::fs::symlink(dir.path().join("precious"), dir.path().join(".k-1.hl7.partial")).unwrap();
        Folder::new(dir.path().to_owned()).write("k-1.hl7", b"document").unwrap();
        assert_eq!(fs::read(dir.path().join("precious")).unwrap(), b"x");
        assert_eq!(fs::read(dir.path().join("k-1.hl7")).unwrap(), b"document");
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("file"), "x").unwrap();
        assert!(Folder::new(dir.path().join("file")).write("k-1.hl7", b"x").is_err());
    }
}
