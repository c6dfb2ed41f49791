//! The kernelspec: the file by which Jupyter finds the kernel and starts it.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::error::{Code, Context, Error, Result};

/// The folder that stands for the kernel.
const NAME: &str = "actuary";
/// What Jupyter puts the connection file for.
const CONNECTION_FILE: &str = "{connection_file}";

/// Where a kernelspec goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Where Jupyter looks for those of this user.
    User,
    /// `share/jupyter` below a folder: `/usr/local`, a virtual environment.
    Prefix(PathBuf),
}

/// Writes the kernelspec; gives the file. `program` is run as `program ARGUMENTS… kernel run FILE
/// OPTIONS…`.
///
/// # Errors
/// [`Code::InvalidRequest`] when there is no such place, else
/// [`Error::Internal`] when it can't be written.
pub fn install(
    place: &Place,
    program: &Path,
    arguments: &[String],
    options: &[String],
) -> Result<PathBuf> {
    let program = program.to_str().ok_or_else(|| {
        let detail = format!("{} is no text, which Jupyter wants", program.display());
        Error::new(Code::InvalidRequest, detail)
    })?;
    let mut argv = vec![program];
    argv.extend(arguments.iter().map(String::as_str));
    argv.extend(["kernel", "run", CONNECTION_FILE]);
    argv.extend(options.iter().map(String::as_str));
    let spec = json!({
        "argv": argv,
        "display_name": "Actuary",
        "language": "starlark",
        "interrupt_mode": "message",
        "metadata": {"debugger": false},
    });
    let folder = data_folder(place)?.join("kernels").join(NAME);
    let file = folder.join("kernel.json");
    std::fs::create_dir_all(&folder).context(format!("making {}", folder.display()))?;
    std::fs::write(&file, format!("{spec:#}\n")).context(format!("writing {}", file.display()))?;
    Ok(file)
}

/// Jupyter's data folder.
fn data_folder(place: &Place) -> Result<PathBuf> {
    if let Place::Prefix(folder) = place {
        return Ok(folder.join("share/jupyter"));
    }
    let variable = |name| std::env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
    let below_home = if cfg!(target_os = "macos") { "Library" } else { ".local/share" };
    let found = variable("JUPYTER_DATA_DIR")
        .or_else(|| variable("XDG_DATA_HOME").map(|folder| folder.join("jupyter")))
        .or_else(|| Some(std::env::home_dir()?.join(below_home).join(jupyter_folder())));
    found.ok_or_else(|| {
        Error::new(Code::InvalidRequest, "there is no home directory; name a place with --prefix")
    })
}

fn jupyter_folder() -> &'static str {
    if cfg!(target_os = "macos") { "Jupyter" } else { "jupyter" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernelspec_starts_the_program_with_its_options() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::Prefix(folder.path().to_owned());
        let texts =
            |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let (arguments, options) = (texts(&["--data-dir", "/d"]), texts(&["--url", "https://x"]));
        let file = install(&place, Path::new("/bin/actuary"), &arguments, &options).unwrap();
        assert_eq!(file, folder.path().join("share/jupyter/kernels/actuary/kernel.json"));
        let spec: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let argv = [
            "/bin/actuary",
            "--data-dir",
            "/d",
            "kernel",
            "run",
            "{connection_file}",
            "--url",
            "https://x",
        ];
        assert_eq!(spec["argv"], json!(argv));
        assert_eq!(spec["interrupt_mode"], "message");
        // Again is no error.
        assert!(install(&place, Path::new("/bin/other"), &[], &[]).is_ok());
    }
}
