//! A folder of images as the parts of a form.

use std::fs;
use std::path::{Path, PathBuf};

use crate::client::FormPart;
use crate::error::{Code, Error, Result};

/// Folders that say which part of a dataset the images below them are.
const PARTS: [&str; 3] = ["train", "validation", "test"];
/// A table of what belongs to the images beside it.
const TABLES: [&str; 3] = ["labels.csv", "labels.jsonl", "labels.ndjson"];
/// How MNIST and its like name their files, `.gz` or not.
const IDX_IMAGES: &str = "-images-idx3-ubyte";
const IDX_LABELS: &str = "-labels-idx1-ubyte";

/// The parts of a folder: `cat/1.png` has the label `cat`, `train/cat/1.png` is in the part `train`
/// too; `labels.csv` tells more of the images beside it.
///
/// # Errors
/// [`Code::InvalidRequest`] for a folder that can't be read or has no images.
pub(super) fn parts(folder: &Path) -> Result<Vec<FormPart>> {
    let mut parts = idx(folder)?;
    if parts.is_empty() {
        walk(folder, "", 0, &mut parts)?;
    }
    let is_image = |part: &FormPart| matches!(part, FormPart::File { name, .. } if name == "image");
    if parts.iter().any(is_image) {
        return Ok(parts);
    }
    let detail = format!("{} holds no images (.png, .jpg, .jpeg)", folder.display());
    Err(Error::new(Code::InvalidRequest, detail))
}

/// Files in IDX, each of images with that of its labels.
fn idx(folder: &Path) -> Result<Vec<FormPart>> {
    let mut parts = Vec::new();
    let (_, files) = entries(folder)?;
    for images in &files {
        let file = name_of(images);
        let Some((set, _)) = file.split_once(IDX_IMAGES) else { continue };
        let start = format!("{set}{IDX_LABELS}");
        let labels = files.iter().find(|path| name_of(path).starts_with(&start));
        let labels = labels.ok_or_else(|| {
            let detail = format!("{} has no file of labels ({start}) beside it", images.display());
            Error::new(Code::InvalidRequest, detail)
        })?;
        parts.push(text("part", if set == "train" { "train" } else { "test" }));
        parts.push(self::file("image", &file, images));
        parts.push(self::file("label", &name_of(labels), labels));
    }
    Ok(parts)
}

/// The images of a folder, and of those below it.
fn walk(folder: &Path, within: &str, depth: u32, parts: &mut Vec<FormPart>) -> Result<()> {
    let (folders, files) = entries(folder)?;
    for path in &files {
        let name = name_of(path);
        let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        if ["png", "jpg", "jpeg"].contains(&ending.as_str()) {
            parts.push(file("image", &format!("{within}{name}"), path));
        } else if depth == 0 && TABLES.contains(&name.as_str()) {
            parts.push(file("label", &name, path));
        }
    }
    let splits = folders.iter().all(|path| PARTS.contains(&name_of(path).as_str()));
    for below in &folders {
        let name = name_of(below);
        match (depth, splits) {
            (0, true) => {
                parts.push(text("part", &name));
                // What was said of the images before holds no longer.
                if parts
                    .iter()
                    .any(|part| matches!(part, FormPart::Text { name, .. } if name == "label"))
                {
                    parts.push(text("label", ""));
                }
                walk(below, &format!("{name}/"), 1, parts)?;
            }
            (0 | 1, _) => {
                parts.push(text("label", &name));
                walk(below, &format!("{within}{name}/"), 2, parts)?;
            }
            // Deeper folders only order the files.
            _ => walk(below, &format!("{within}{name}/"), 2, parts)?,
        }
    }
    Ok(())
}

fn text(name: &str, value: &str) -> FormPart {
    FormPart::Text { name: name.to_owned(), value: value.to_owned() }
}

fn file(name: &str, file: &str, path: &Path) -> FormPart {
    FormPart::File { name: name.to_owned(), file: file.to_owned(), path: path.to_owned() }
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The folders and the files in a folder by their names, hidden ones left out.
fn entries(folder: &Path) -> Result<(Vec<PathBuf>, Vec<PathBuf>)> {
    let unreadable = |error: std::io::Error| {
        let detail = format!("{} can't be read: {error}", folder.display());
        Error::new(Code::InvalidRequest, detail)
    };
    let mut paths = fs::read_dir(folder)
        .map_err(unreadable)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<Vec<_>>>()
        .map_err(unreadable)?;
    paths.retain(|path| !name_of(path).starts_with('.'));
    paths.sort();
    Ok(paths.into_iter().partition(|path| path.is_dir()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The parts of a folder of these files: `name=value`.
    fn of(files: &[&str]) -> Result<Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        let shown = |part| match part {
            FormPart::Text { name, value } => format!("{name}={value}"),
            FormPart::File { name, file, .. } => format!("{name}=@{file}"),
        };
        Ok(parts(folder.path())?.into_iter().map(shown).collect())
    }

    #[test]
    fn folders_label_what_is_in_them() {
        let found = of(&["dog/b.JPG", "cat/a.png", "cat/notes.txt", ".cache/x.png"]).unwrap();
        assert_eq!(found, ["label=cat", "image=@cat/a.png", "label=dog", "image=@dog/b.JPG"]);
        let found = of(&["train/cat/a.png", "test/cat/old/b.png"]).unwrap();
        let test = ["part=test", "label=cat", "image=@test/cat/old/b.png"];
        let train = ["part=train", "label=", "label=cat", "image=@train/cat/a.png"];
        assert_eq!(found, [&test[..], &train].concat());
        assert_eq!(of(&["a.png", "labels.csv"]).unwrap(), ["image=@a.png", "label=@labels.csv"]);
        assert!(of(&["notes.txt"]).unwrap_err().to_string().contains("holds no images"));
    }

    #[test]
    fn files_of_mnist_are_told_by_their_names() {
        let files = ["t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"];
        let found = of(&files).unwrap();
        let files = ["image=@t10k-images-idx3-ubyte.gz", "label=@t10k-labels-idx1-ubyte.gz"];
        assert_eq!(found, [&["part=test"][..], &files].concat());
        let lonely = of(&["train-images-idx3-ubyte"]).unwrap_err().to_string();
        assert!(lonely.contains("no file of labels (train-labels-idx1-ubyte)"), "{lonely}");
    }
}
