//! The archive: control files, and Debian's own tools that put it together.

use crate::tree::{output, repository, run, write};
use anyhow::Context;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

const NAME: &str = "atm-system";
/// What dpkg runs when it installs and removes.
const SCRIPTS: [&str; 3] = ["postinst", "prerm", "postrm"];
/// What a site edits and an upgrade leaves alone.
const CONFFILES: &str = "/etc/atm/config.ini\n";

/// Builds the package of what is under `root`, in `out`, and gives its file. How it is compressed is dpkg-deb's default, or
/// what `DPKG_DEB_COMPRESSOR_TYPE` and `DPKG_DEB_COMPRESSOR_LEVEL` say.
pub(crate) fn build(stage: &Path, root: &Path, out: &Path, revision: &str) -> anyhow::Result<PathBuf> {
    let version = format!("{}-{revision}", env!("CARGO_PKG_VERSION"));
    let architecture = output(Command::new("dpkg").arg("--print-architecture"))?;
    let architecture = String::from_utf8(architecture)?.trim().to_owned();
    let control = root.join("DEBIAN");
    let template = fs::read_to_string(repository().join("deploy/debian/control"))?;
    let text = template
        .replace("@version@", &version)
        .replace("@architecture@", &architecture)
        .replace("@size@", &installed_kib(root)?.to_string())
        .replace("@libraries@", &libraries(stage, root)?);
    let sums = checksums(root)?;
    write(&control.join("control"), text.as_bytes())?;
    write(&control.join("md5sums"), &sums)?;
    write(&control.join("conffiles"), CONFFILES.as_bytes())?;
    for script in SCRIPTS {
        let to = control.join(script);
        write(&to, &fs::read(repository().join("deploy/debian").join(script))?)?;
        fs::set_permissions(&to, Permissions::from_mode(0o755))?;
    }
    let package = out.join(format!("{NAME}_{version}_{architecture}.deb"));
    run(Command::new("dpkg-deb").args(["--root-owner-group", "--build"]).arg(root).arg(&package))?;
    Ok(package)
}

/// The libraries of the system that the programs are linked with, as Debian's packages.
fn libraries(stage: &Path, root: &Path) -> anyhow::Result<String> {
    // The tool insists on a source package.
    write(
        &stage.join("debian/control"),
        format!("Source: {NAME}\n\nPackage: {NAME}\nArchitecture: any\n").as_bytes(),
    )?;
    let programs = files(root)?.into_iter().filter(|file| is_program(root, file));
    let mut tool = Command::new("dpkg-shlibdeps");
    tool.current_dir(stage).arg("-O").args(programs.map(|file| root.join(file)));
    let said = String::from_utf8(output(&mut tool)?)?;
    let depends = said.trim().strip_prefix("shlibs:Depends=");
    depends.map(str::to_owned).with_context(|| format!("dpkg-shlibdeps said {said:?}"))
}

fn is_program(root: &Path, file: &Path) -> bool {
    let mode = fs::metadata(root.join(file)).map_or(0, |metadata| metadata.permissions().mode());
    mode & 0o111 != 0
}

fn checksums(root: &Path) -> anyhow::Result<Vec<u8>> {
    let all = files(root)?;
    let documented = all.iter().filter(|file| !file.starts_with("etc"));
    output(Command::new("md5sum").current_dir(root).args(documented))
}

/// What the package takes on the disk.
fn installed_kib(root: &Path) -> anyhow::Result<u64> {
    let sizes = files(root)?.into_iter().map(|file| Ok(fs::metadata(root.join(file))?.len().div_ceil(1024)));
    sizes.sum()
}

/// Every file under `root`, in order, by its path from there.
fn files(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            match entry.file_type()?.is_dir() {
                true => folders.push(entry.path()),
                false => found.push(entry.path().strip_prefix(root)?.to_owned()),
            }
        }
    }
    found.retain(|file| !file.starts_with("DEBIAN"));
    found.sort();
    Ok(found)
}
