//! A cell in the user's own editor.

use std::process::Command;

use crate::error::{Code, Context, Error, Result};

/// A text as `$VISUAL`, `$EDITOR` or vi leaves it, without blank lines at its end.
///
/// # Errors
/// [`Code::InvalidRequest`] where the editor fails.
pub(in crate::repl) fn edited(text: &str) -> Result<String> {
    let variable = |name| std::env::var(name).ok().filter(|text: &String| !text.trim().is_empty());
    let editor =
        variable("VISUAL").or_else(|| variable("EDITOR")).unwrap_or_else(|| "vi".to_owned());
    let file = tempfile::Builder::new()
        .suffix(".star")
        .tempfile()
        .context("making a file to be edited")?;
    std::fs::write(file.path(), text).context("writing a file to be edited")?;
    let ended = Command::new("sh")
        .arg("-c")
        .arg(format!("{editor} \"$1\""))
        .arg("edit")
        .arg(file.path())
        .status()
        .context("starting the editor")?;
    if !ended.success() {
        let detail = format!("the editor '{editor}' ended with {ended}: set EDITOR to another");
        return Err(Error::new(Code::InvalidRequest, detail));
    }
    let text = std::fs::read_to_string(file.path()).context("reading what was edited")?;
    Ok(text.trim_end().to_owned())
}
