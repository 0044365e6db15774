//! Errors in PostgreSQL's log.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// The server's log since a start.
#[derive(Clone, Debug)]
pub(super) struct ServerLog {
    path: PathBuf,
    start: u64,
}

impl ServerLog {
    /// Opens the file for another start; the text of earlier ones stays.
    pub(super) fn open(path: &Path) -> io::Result<(Self, File)> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let start = file.metadata()?.len();
        Ok((Self { path: path.to_owned(), start }, file))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns everything since the start.
    pub(super) fn text(&self) -> String {
        let mut text = Vec::new();
        let read = File::open(&self.path).and_then(|mut file| {
            file.seek(SeekFrom::Start(self.start))?;
            file.read_to_end(&mut text)
        });
        match read {
            Ok(_) => String::from_utf8_lossy(&text).into_owned(),
            Err(error) => format!("{} cannot be read: {error}", self.path.display()),
        }
    }

    /// Returns why a start failed: the first error.
    pub(super) fn first_error(&self) -> String {
        first_error(&self.text())
    }

    /// Returns why a running server ended: the last error of the worst kind.
    pub(super) fn last_error(&self) -> String {
        last_error(&self.text())
    }
}

/// The markers of errors.
const MARKS: [&str; 4] = ["PANIC:", "FATAL:", "ERROR:", "error:"];

/// Returns the first line with an error, or the last line.
pub(super) fn first_error(text: &str) -> String {
    let found = text.lines().find_map(|line| MARKS.iter().find_map(|mark| behind(mark, line)));
    found.map_or_else(|| last_line(text), str::to_owned)
}

/// Returns the last line with an error of the worst kind, or the last line.
fn last_error(text: &str) -> String {
    let found = MARKS.iter().find_map(|mark| text.lines().rev().find_map(|line| behind(mark, line)));
    found.map_or_else(|| last_line(text), str::to_owned)
}

fn behind<'a>(mark: &str, line: &'a str) -> Option<&'a str> {
    line.split_once(mark).map(|(_, message)| message.trim())
}

fn last_line(text: &str) -> String {
    let line = text.lines().map(str::trim).rfind(|line| !line.is_empty());
    line.unwrap_or("the log contains no error").to_owned()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn the_error_is_found() {
        let start = "2026-01-01 10:00:00.000 UTC [17] LOG:  starting PostgreSQL 15.18\n\
                     2026-01-01 10:00:00.001 UTC [17] FATAL:  could not write lock file \"postmaster.pid\": No space left on device\n\
                     2026-01-01 10:00:00.002 UTC [17] LOG:  database system is shut down\n";
        for error in [first_error(start), last_error(start)] {
            assert_eq!(error, "could not write lock file \"postmaster.pid\": No space left on device");
        }
        let initdb = "running bootstrap script ... FATAL:  could not write to file: No space left on device\n\
                      PANIC:  cannot abort transaction 1, it was already committed\n\
                      initdb: error: something else\n";
        assert_eq!(first_error(initdb), "could not write to file: No space left on device");
        let serving = "[1] FATAL:  password authentication failed\n[2] PANIC:  could not write to file\n[3] FATAL:  terminating connection";
        assert_eq!(last_error(serving), "could not write to file");
        assert_eq!(first_error("one\n\ntwo\n\n"), "two");
        assert_eq!(last_error(""), "the log contains no error");
    }

    #[test]
    fn earlier_starts_do_not_count() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("postgres.log");
        for start in ["first", "second"] {
            let (log, mut file) = ServerLog::open(&path).unwrap();
            assert_eq!(log.text(), "");
            writeln!(file, "FATAL:  {start}").unwrap();
            assert_eq!(log.first_error(), start);
        }
    }
}
