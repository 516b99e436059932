//! A plugin's program: opened once, and what is checked is what is run.
//!
//! A plugin that came with atmctl is run from the very descriptor that was read, so that another file under
//! its name is not run. An installed one is copied into memory that nobody can change any more, checked there
//! and run from there, so that other bytes in its file are not run either. Both are run by the descriptor's
//! name in /proc: that way the kernel finds the interpreter of a script, too, which then reads the same
//! descriptor.

use super::discover::{Found, Trust};
use atm_rpc::plugin::{Code, Failure};
use ring::digest::{Context, SHA256};
use rustix::fs::{MemfdFlags, Mode, OFlags, SealFlags, fcntl_add_seals, memfd_create, open};
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

/// The most bytes of a program.
const BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// A program that may be run.
#[derive(Debug)]
pub(crate) struct Program {
    file: File,
    /// SHA-256, in hexadecimal.
    pub(crate) digest: String,
    /// Whether an interpreter reads it.
    pub(crate) is_script: bool,
}

impl Program {
    /// Opens and checks it.
    pub(crate) fn open(found: &Found) -> Result<Self, Failure> {
        let (name, path) = (&found.name, found.path.display());
        let refused =
            |what: String| Failure::new(Code::Refused, format!("the plugin {name} is not run: {what}"));
        if let Some(reason) = &found.refused {
            return Err(refused(reason.clone()));
        }
        let read = match found.trust {
            Trust::Bundled => Self::read(&found.path),
            Trust::Installed => Self::copied(&found.path),
        };
        let program = read.map_err(|error| refused(format!("{path} cannot be read: {error}")))?;
        match &found.record {
            Some(record) if record.digest != program.digest => Err(refused(format!(
                "{path} is not what was installed; expected SHA-256 {}, found {}",
                record.digest, program.digest
            ))
            .hint(format!("where the file is right: atmctl plugin update {name} FILE"))),
            _ => Ok(program),
        }
    }

    fn read(path: &Path) -> io::Result<Self> {
        let file = opened(path)?;
        let (digest, is_script) = copy(&file, &mut io::sink())?;
        Ok(Self { file, digest, is_script })
    }

    /// In sealed memory.
    pub(crate) fn copied(path: &Path) -> io::Result<Self> {
        let from = opened(path)?;
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        // Kernels before 6.3 do not know the flag, and need none.
        let memory =
            memfd_create(c"plugin", flags | MemfdFlags::EXEC).or_else(|_| memfd_create(c"plugin", flags))?;
        let mut file = File::from(memory);
        let (digest, is_script) = copy(&from, &mut file)?;
        fcntl_add_seals(&file, SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL)?;
        Ok(Self { file, digest, is_script })
    }

    /// All its bytes.
    pub(crate) fn content(&self) -> io::Result<impl Read> {
        let mut file = self.file.try_clone()?;
        file.rewind()?;
        Ok(file)
    }

    /// For the process that becomes it.
    pub(crate) fn descriptor(&self) -> io::Result<OwnedFd> {
        self.file.as_fd().try_clone_to_owned()
    }
}

/// Opens it, and does not wait: a pipe that nobody writes to is no program either.
fn opened(path: &Path) -> io::Result<File> {
    Ok(File::from(open(path, OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK, Mode::empty())?))
}

/// Copies a program; its digest, and whether it is a script.
fn copy(from: &File, to: &mut impl Write) -> io::Result<(String, bool)> {
    if !from.metadata()?.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    let (mut hash, mut buffer) = (Context::new(&SHA256), vec![0; 256 * 1024]);
    let (mut from, mut is_script, mut first) = (from.take(BYTES_MAX), false, true);
    loop {
        let count = from.read(&mut buffer)?;
        let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else { break };
        is_script |= std::mem::take(&mut first) && bytes.starts_with(b"#!");
        hash.update(bytes);
        to.write_all(bytes)?;
    }
    if from.limit() == 0 {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let hex: String = hash.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((hex, is_script))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_of_the_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for (content, digest, is_script) in [
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", false),
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", false),
            ("#!/bin/sh\n", "a8076d3d28d21e02012b20eaf7dbf75409a6277134439025f282e368e3305abf", true),
        ] {
            std::fs::write(&path, content).unwrap();
            for program in [Program::read(&path).unwrap(), Program::copied(&path).unwrap()] {
                assert_eq!((program.digest.as_str(), program.is_script), (digest, is_script));
            }
        }
        assert!(Program::read(folder.path()).is_err());
    }

    #[test]
    fn a_copy_does_not_change_with_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "one").unwrap();
        let program = Program::copied(&path).unwrap();
        std::fs::write(&path, "two").unwrap();
        let mut text = String::new();
        let mut again =
            File::open(format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&program.file))).unwrap();
        again.read_to_string(&mut text).unwrap();
        assert_eq!(text, "one");
        let mut written = File::from(program.descriptor().unwrap());
        assert!(written.write_all(b"x").is_err());
    }
}
