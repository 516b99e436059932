//! The files of the workspace, as rules see them: paths and texts. Knows no rule.

use atm_tests::programs;
use std::fs;
use std::path::Path;

/// One text file.
#[derive(Clone, Debug)]
pub(super) struct File {
    /// From the root, with `/` between.
    pub(super) path: String,
    /// Its content.
    pub(super) text: String,
}

/// All text files, and what stands at the root.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    /// Names at the root.
    pub(super) root: Vec<String>,
    /// The files, by path.
    pub(super) files: Vec<File>,
}

/// What builds, runs and tools leave behind; none of it is kept.
const NOT_KEPT: [&str; 3] = ["target", "data", ".git"];
const TEXTS: [&str; 8] = ["rs", "toml", "md", "ini", "sh", "service", "json", "yml"];

impl Tree {
    /// The tree that this test was built from.
    pub(super) fn read() -> Self {
        let top = programs::root();
        let entries = fs::read_dir(top).expect("the root can be read");
        let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        let root: Vec<String> = entries.map(name).filter(|name| !NOT_KEPT.contains(&name.as_str())).collect();
        let mut files = Vec::new();
        for name in &root {
            read_into(&mut files, &top.join(name), name);
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Self { root, files }
    }

    /// A tree of these files, for trying rules.
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let file = |(path, text): &(&str, &str)| File { path: (*path).to_owned(), text: (*text).to_owned() };
        let files: Vec<File> = files.iter().map(file).collect();
        let mut root: Vec<String> =
            files.iter().filter_map(|file| file.path.split('/').next().map(str::to_owned)).collect();
        root.dedup();
        Self { root, files }
    }

    /// The Rust files.
    pub(super) fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.path.ends_with(".rs"))
    }
}

impl File {
    /// Whether all of it is test code.
    pub(super) fn is_test(&self) -> bool {
        self.path.starts_with("tests/") || self.path.contains("/tests/") || self.path.ends_with("/tests.rs")
    }

    /// Lines counted from 1, without comments.
    pub(super) fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate();
        lines.map(|(index, line)| (index + 1, line.split("//").next().unwrap_or_default()))
    }

    /// The [code](Self::code) that is no test's: a file's tests stand at its end.
    pub(super) fn production(&self) -> impl Iterator<Item = (usize, &str)> {
        let is_test = self.is_test();
        self.code().take_while(move |(_, line)| !is_test && line.trim() != "#[cfg(test)]")
    }
}

fn read_into(files: &mut Vec<File>, place: &Path, path: &str) {
    if place.is_dir() {
        for entry in fs::read_dir(place).expect("a folder can be read") {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            if !NOT_KEPT.contains(&name.as_str()) {
                read_into(files, &entry.path(), &format!("{path}/{name}"));
            }
        }
    } else if place.extension().is_some_and(|end| TEXTS.iter().any(|text| end == *text)) {
        let text = fs::read_to_string(place).unwrap_or_else(|error| panic!("{path}: {error}"));
        files.push(File { path: path.to_owned(), text });
    }
}
