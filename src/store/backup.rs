//! Backups: one file with everything that the database holds, as PostgreSQL's own `pg_dump` sees
//! it in one snapshot, so that it is consistent while a server works.
//!
//! | bytes | what |
//! |---|---|
//! | 17 | `actuary-backup-1` and a line feed |
//! | 4 | length of the description, little endian |
//! | so many | the description: a [`Manifest`] as JSON |
//! | the rest but 32 | the archive of `pg_dump --format=custom` |
//! | 32 | SHA-256 of all bytes before |

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use chrono::{DateTime, SubsecRound, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sqlx::PgPool;

use super::connect::{database_error, newest_migration};
use super::postgres::client_programs;
use crate::error::{Code, Context, Error, Result};

const MAGIC: &[u8] = b"actuary-backup-1\n";
const HASH: u64 = 32;
/// Longest description that is read.
const MAX_MANIFEST: u32 = 1 << 20;
const BUFFER: usize = 1 << 20;

/// What a backup is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the program that made it.
    pub actuary: String,
    /// Major version of the PostgreSQL that it was taken from.
    pub postgres: u32,
    /// The newest migration that the schema has.
    pub schema: i64,
    pub created_at: DateTime<Utc>,
}

impl Manifest {
    /// Describes a database.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when it can't be reached, [`Code::NotFound`] when it holds nothing.
    pub async fn of(pool: &PgPool) -> Result<Self> {
        if !has_schema(pool).await? {
            return Err(Error::new(Code::NotFound, "this database holds nothing yet"));
        }
        let schema = sqlx::query_scalar("SELECT coalesce(max(version), 0) FROM _sqlx_migrations")
            .fetch_one(pool)
            .await
            .map_err(database_error("reading the schema's version"))?;
        Ok(Self {
            actuary: crate::code_version(),
            postgres: server_major(pool).await?,
            schema,
            created_at: Utc::now().trunc_subsecs(0),
        })
    }
}

/// Whether a database holds this program's tables, or anything else.
///
/// # Errors
/// [`Code::Unavailable`] when it can't be reached.
pub async fn has_schema(pool: &PgPool) -> Result<bool> {
    sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = 'public')")
        .fetch_one(pool)
        .await
        .map_err(database_error("looking for tables"))
}

/// Major version of the server.
///
/// # Errors
/// [`Code::Unavailable`] when it can't be reached.
pub async fn server_major(pool: &PgPool) -> Result<u32> {
    let number: i32 = sqlx::query_scalar("SELECT current_setting('server_version_num')::int")
        .fetch_one(pool)
        .await
        .map_err(database_error("asking the server's version"))?;
    Ok(number.unsigned_abs() / 10_000)
}

/// Writes a backup of the database at `url` to a file that is not there yet, and gives its size.
/// It appears under its name when it is complete and on the disk; only its owner can read it.
/// `written` is told the bytes now and then; its error ends it. Blocks.
///
/// # Errors
/// What `written` returns; [`Code::AlreadyExists`] when the file exists; [`Code::Unavailable`] when it can't be written or
/// `pg_dump` fails, with its words.
pub fn dump(
    url: &str,
    bin_dir: Option<&Path>,
    manifest: &Manifest,
    file: &Path,
    mut written: impl FnMut(u64) -> Result<()>,
) -> Result<u64> {
    let taken = || {
        let detail = format!("{} exists already: give another name", file.display());
        Error::new(Code::AlreadyExists, detail)
    };
    if file.exists() {
        return Err(taken());
    }
    let program = client_programs(bin_dir, manifest.postgres)?.join("pg_dump");
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    // Under a name of its own, which goes with it unless it becomes the file.
    let mut partial = tempfile::Builder::new()
        .prefix(".actuary-backup-")
        .suffix(".partial")
        .tempfile_in(folder)
        .map_err(|error| unwritable(file, &error))?;
    let size = write(url, &program, manifest, partial.as_file_mut(), &mut written)?;
    partial.persist_noclobber(file).map_err(|failed| match failed.error.kind() {
        ErrorKind::AlreadyExists => taken(),
        _ => unwritable(file, &failed.error),
    })?;
    let folder = File::open(folder).and_then(|folder| folder.sync_all());
    folder.map_err(|error| unwritable(file, &error))?;
    Ok(size)
}

fn write(
    url: &str,
    program: &Path,
    manifest: &Manifest,
    out: &mut File,
    written: &mut impl FnMut(u64) -> Result<()>,
) -> Result<u64> {
    let description = serde_json::to_vec(manifest).context("describing a backup")?;
    let length = u32::try_from(description.len()).context("describing a backup")?;
    let head = [MAGIC, &length.to_le_bytes(), &description].concat();
    let mut hasher = Sha256::new();
    let mut size = 0;
    let mut put = |bytes: &[u8]| {
        hasher.update(bytes);
        size += bytes.len() as u64;
        written(size)?;
        out.write_all(bytes).map_err(|error| {
            Error::new(Code::Unavailable, format!("the backup can't be written: {error}"))
        })
    };
    put(&head)?;
    let mut command = client_command(program, url);
    command.args(["--format=custom", "--compress=1", "--no-owner", "--no-privileges"]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let child = child.as_mut().map_err(|error| failed(program, &error.to_string()))?;
    if let Err(error) = copy(child, &mut put) {
        end(child);
        return Err(error);
    }
    ended(child, program)?;
    let hash = hasher.finalize();
    out.write_all(&hash).and_then(|()| out.sync_all()).map_err(|error| {
        Error::new(Code::Unavailable, format!("the backup can't be written: {error}"))
    })?;
    Ok(size + HASH)
}

fn copy(child: &mut Child, put: &mut impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let mut pipe = child.stdout.take().ok_or_else(no_pipe)?;
    let mut buffer = vec![0; BUFFER];
    loop {
        match pipe.read(&mut buffer).context("reading from pg_dump")? {
            0 => return Ok(()),
            read => put(&buffer[..read])?,
        }
    }
}

/// Reads a backup from its start to its end and checks its hash; changes nothing. `checked` is
/// told the bytes now and then; its error ends it. Blocks.
///
/// # Errors
/// What `checked` returns; [`Code::InvalidData`] when it is no backup, is cut off or was changed; [`Code::NotFound`] when
/// it can't be read.
pub fn verify(file: &Path, mut checked: impl FnMut(u64) -> Result<()>) -> Result<Manifest> {
    let (mut reader, length, manifest, head) = open(file)?;
    let mut hasher = Sha256::new();
    hasher.update(&head);
    let mut left = length - head.len() as u64 - HASH;
    let mut buffer = vec![0; BUFFER];
    while left > 0 {
        let wanted = usize::try_from(left).unwrap_or(BUFFER).min(BUFFER);
        reader.read_exact(&mut buffer[..wanted]).map_err(|error| unreadable(file, &error))?;
        hasher.update(&buffer[..wanted]);
        left -= wanted as u64;
        checked(length - left)?;
    }
    let mut hash = [0; HASH as usize];
    reader.read_exact(&mut hash).map_err(|error| unreadable(file, &error))?;
    if hasher.finalize().as_slice() != hash {
        return Err(damaged(file, "its bytes don't have the SHA-256 at its end"));
    }
    Ok(manifest)
}

/// Puts a verified backup into the empty database at `url`, whose server has the major version
/// `server`, in one transaction: all or nothing. `going_on` is asked now and then; its error ends
/// it. Blocks.
///
/// # Errors
/// What `going_on` returns; [`Code::Unavailable`] when `pg_restore` fails, with its words, or the
/// server is older than the backup's; and as [`verify`].
pub fn load(
    url: &str,
    bin_dir: Option<&Path>,
    server: u32,
    file: &Path,
    mut going_on: impl FnMut() -> Result<()>,
) -> Result<()> {
    let (mut reader, length, manifest, head) = open(file)?;
    if manifest.postgres > server {
        let detail = format!(
            "the backup is of PostgreSQL {}, and this is {server}, which can't read it: restore it \
             into {} or newer",
            manifest.postgres, manifest.postgres
        );
        return Err(Error::new(Code::Unavailable, detail));
    }
    let program = client_programs(bin_dir, server)?.join("pg_restore");
    let mut command = client_command(&program, url);
    command.args(["--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
    let child = child.as_mut().map_err(|error| failed(&program, &error.to_string()))?;
    let mut pipe = child.stdin.take().ok_or_else(no_pipe)?;
    let mut left = length - head.len() as u64 - HASH;
    let mut buffer = vec![0; BUFFER];
    while left > 0 {
        let wanted = usize::try_from(left).unwrap_or(BUFFER).min(BUFFER);
        let piece = &mut buffer[..wanted];
        let read = reader.read_exact(piece).map_err(|error| unreadable(file, &error));
        if let Err(error) = read.and_then(|()| going_on()) {
            // Before it has the whole archive it commits nothing.
            end(child);
            return Err(error);
        }
        if pipe.write_all(piece).is_err() {
            // It has ended, and says why.
            break;
        }
        left -= wanted as u64;
    }
    drop(pipe);
    ended(child, &program)?;
    match left {
        0 => Ok(()),
        _ => Err(failed(&program, "it ended before it had read everything")),
    }
}

/// A backup's reader after its description, its length, its description, and the bytes of both.
fn open(file: &Path) -> Result<(BufReader<File>, u64, Manifest, Vec<u8>)> {
    let opened = File::open(file).map_err(|error| unreadable(file, &error))?;
    let length = opened.metadata().map_err(|error| unreadable(file, &error))?.len();
    let mut reader = BufReader::with_capacity(BUFFER, opened);
    let foreign = || damaged(file, "it does not begin as one");
    let mut head = vec![0; MAGIC.len() + 4];
    reader.read_exact(&mut head).map_err(|_| foreign())?;
    let (magic, count) = head.split_at(MAGIC.len());
    let count = count.try_into().map_or(0, u32::from_le_bytes);
    if magic != MAGIC || count > MAX_MANIFEST {
        return Err(foreign());
    }
    let mut description = vec![0; usize::try_from(count).unwrap_or(0)];
    reader.read_exact(&mut description).map_err(|_| foreign())?;
    let manifest = serde_json::from_slice(&description).map_err(|_| foreign())?;
    head.extend(description);
    if length < head.len() as u64 + HASH {
        return Err(damaged(file, "it is cut off"));
    }
    Ok((reader, length, manifest, head))
}

/// A client program for the database at a URL, whose password goes by the environment: the list of
/// processes is everybody's.
pub fn client_command(program: &Path, url: &str) -> Command {
    let (url, password) = without_password(url);
    let mut command = Command::new(program);
    command.arg("--no-password").arg(format!("--dbname={url}")).stderr(Stdio::piped());
    command.env_remove("PGOPTIONS").env("PGAPPNAME", "actuary-backup");
    if let Some(password) = password {
        command.env("PGPASSWORD", password);
    }
    command
}

/// A URL as libpq reads it, without its password, which may stand before the host or among the
/// parameters. Of those, sqlx knows some by other names, and some that libpq does not.
fn without_password(url: &str) -> (String, Option<String>) {
    let mut password = None;
    let (main, query) = url.split_once('?').map_or((url, ""), |(main, query)| (main, query));
    let split = main.split_once("://").and_then(|(scheme, rest)| {
        let end = rest.find('/').unwrap_or(rest.len());
        let (user, host) = rest.get(..end)?.rsplit_once('@')?;
        let (user, secret) = user.split_once(':')?;
        password = Some(decoded(secret));
        Some(format!("{scheme}://{user}@{host}{}", rest.get(end..)?))
    });
    let mut kept = Vec::new();
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let name = match name {
            "password" => {
                password = Some(decoded(value));
                continue;
            }
            "statement-cache-capacity" => continue,
            "ssl-mode" => "sslmode",
            "ssl-root-cert" | "ssl-ca" => "sslrootcert",
            "ssl-cert" => "sslcert",
            "ssl-key" => "sslkey",
            other => other,
        };
        kept.push(format!("{name}={value}"));
    }
    let mut url = split.unwrap_or_else(|| main.to_owned());
    if !kept.is_empty() {
        url = format!("{url}?{}", kept.join("&"));
    }
    (url, password)
}

/// Undoes percent-encoding (RFC 3986, 2.1).
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = (*first == b'%').then(|| after.get(..2)).flatten();
        let escaped = escaped.and_then(|hex| std::str::from_utf8(hex).ok());
        match escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Waits for a program to end, and says what it said when it failed.
fn ended(child: &mut Child, program: &Path) -> Result<()> {
    let mut said = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        stderr.read_to_string(&mut said).context("reading a program's messages")?;
    }
    let status = child.wait().context("waiting for a program")?;
    if status.success() { Ok(()) } else { Err(failed(program, &said)) }
}

/// Ends a program that is not to go on.
fn end(child: &mut Child) {
    // When it has ended by itself, there is nothing to kill.
    let _ = child.kill();
    let _ = child.wait();
}

fn failed(program: &Path, said: &str) -> Error {
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    let said = said.trim();
    let said = if said.is_empty() { "it did not say why" } else { said };
    Error::new(Code::Unavailable, format!("{name} failed: {said}"))
}

fn no_pipe() -> Error {
    Error::internal("talking to a program", "it has no pipe")
}

fn unwritable(file: &Path, error: &std::io::Error) -> Error {
    Error::new(Code::Unavailable, format!("{} can't be written: {error}", file.display()))
}

fn unreadable(file: &Path, error: &std::io::Error) -> Error {
    Error::new(Code::NotFound, format!("{} can't be read: {error}", file.display()))
}

fn damaged(file: &Path, how: &str) -> Error {
    let detail = format!("{} is no whole backup of Actuary: {how}", file.display());
    Error::new(Code::InvalidData, detail)
}

/// Refuses a backup whose schema this program does not know yet.
///
/// # Errors
/// [`Code::Unavailable`] with the way out.
pub fn check_schema(manifest: &Manifest) -> Result<()> {
    let known = newest_migration();
    if manifest.schema <= known {
        return Ok(());
    }
    let detail = format!(
        "the backup was made by Actuary {} and has a schema of version {}, and this program knows \
         versions up to {known}: restore it with that program or a newer one",
        manifest.actuary, manifest.schema
    );
    Err(Error::new(Code::Unavailable, detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let created_at = Utc::now().trunc_subsecs(0);
        Manifest { actuary: "0.1.0".into(), postgres: 15, schema: 1, created_at }
    }

    /// A file as [`dump`] would write it, with a few bytes instead of an archive.
    fn stored() -> (tempfile::TempDir, std::path::PathBuf, Vec<u8>) {
        let description = serde_json::to_vec(&manifest()).unwrap();
        let length = u32::try_from(description.len()).unwrap().to_le_bytes();
        let mut bytes = [MAGIC, &length, &description, b"PGDMP archive"].concat();
        let hash = Sha256::digest(&bytes);
        bytes.extend(hash);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("b");
        std::fs::write(&file, &bytes).unwrap();
        (folder, file, bytes)
    }

    #[test]
    fn a_whole_backup_is_told_from_any_other_file() {
        let (_folder, file, bytes) = stored();
        assert_eq!(verify(&file, |_| Ok(())).unwrap().schema, 1);
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            std::fs::write(&file, &changed).unwrap();
            let refused = verify(&file, |_| Ok(())).unwrap_err();
            assert_eq!(refused.code(), Code::InvalidData, "byte {at}: {refused}");
        }
        for end in 0..bytes.len() {
            std::fs::write(&file, &bytes[..end]).unwrap();
            assert_eq!(
                verify(&file, |_| Ok(())).unwrap_err().code(),
                Code::InvalidData,
                "cut at {end}"
            );
        }
        let gone = verify(Path::new("/nowhere/b"), |_| Ok(())).unwrap_err();
        assert_eq!(gone.code(), Code::NotFound);
    }

    #[test]
    fn passwords_leave_the_url() {
        let split = |url: &str| {
            let (url, password) = without_password(url);
            (url, password.unwrap_or_else(|| "none".into()))
        };
        let of = |url: &str, password: &str| (url.to_owned(), password.to_owned());
        assert_eq!(
            split("postgres://me:a%20b%2Fc@h:1/d?x=y@z"),
            of("postgres://me@h:1/d?x=y@z", "a b/c")
        );
        assert_eq!(split("postgres://me:50%@h/d"), of("postgres://me@h/d", "50%"));
        assert_eq!(split("postgres://me@h/d"), of("postgres://me@h/d", "none"));
        assert_eq!(split("postgres:///d"), of("postgres:///d", "none"));
        let query = "postgres://me@h/d?password=a%26b&ssl-mode=require&statement-cache-capacity=5";
        assert_eq!(split(query), of("postgres://me@h/d?sslmode=require", "a&b"));
    }

    #[test]
    fn a_newer_schema_is_refused() {
        check_schema(&manifest()).unwrap();
        let newer = Manifest { schema: i64::MAX, ..manifest() };
        let refused = check_schema(&newer).unwrap_err().to_string();
        assert!(refused.contains("newer one"), "{refused}");
    }
}
