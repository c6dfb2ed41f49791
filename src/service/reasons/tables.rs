//! Reason tables: kept, listed, read.

use super::super::{Idempotency, Service, not_found};
use crate::domain::key::Caller;
use crate::domain::page::{Page, PageQuery};
use crate::domain::reason::{NewReasonTable, ReasonTable, ReasonTableSummary, check_table};
use crate::error::{Code, Error, FieldError, Result};
use crate::frame::{read_reason_entries, write_reason_entries};

impl Service {
    /// Keeps a new reason table of a model, which is used from then on where none is named.
    ///
    /// # Errors
    /// [`Code::NotFound`]; [`Code::InvalidRequest`] naming all that is wrong with its entries.
    pub async fn create_reason_table(
        &self,
        caller: &Caller,
        once: Option<&Idempotency>,
        model: &str,
        new: NewReasonTable,
    ) -> Result<ReasonTable> {
        self.keep_reason_table(caller, once, model, new, &|pointer| pointer).await
    }

    /// The same of CSV.
    ///
    /// # Errors
    /// Those of [`Service::create_reason_table`], with lines in place of pointers.
    pub async fn import_reason_table(
        &self,
        caller: &Caller,
        once: Option<&Idempotency>,
        model: &str,
        csv: &[u8],
    ) -> Result<ReasonTable> {
        let (entries, lines): (Vec<_>, Vec<u64>) = read_reason_entries(csv)?.into_iter().unzip();
        let place = |pointer: String| match in_line(&pointer, &lines) {
            Some(place) => place,
            None => pointer,
        };
        self.keep_reason_table(caller, once, model, NewReasonTable { entries }, &place).await
    }

    async fn keep_reason_table(
        &self,
        caller: &Caller,
        once: Option<&Idempotency>,
        model: &str,
        new: NewReasonTable,
        place: &(dyn Fn(String) -> String + Send + Sync),
    ) -> Result<ReasonTable> {
        if let Some(kept) = self.kept(caller, once).await? {
            return Ok(kept);
        }
        self.get_model(caller, model).await?;
        let columns = self.store().list_input_columns(&caller.project, model).await?;
        if columns.is_empty() {
            let detail = format!(
                "model {model} has no version yet, whose columns would be known: \
                train one first"
            );
            return Err(Error::field(Code::InvalidRequest, place("/entries".to_owned()), detail));
        }
        let faults = check_table(&new.entries, &columns);
        if !faults.is_empty() {
            let faults: Vec<FieldError> = faults
                .into_iter()
                .map(|fault| FieldError::new(place(fault.pointer), fault.detail))
                .collect();
            let detail = "the reason table can't be used as it is";
            return Err(Error::fields(Code::InvalidRequest, detail, faults));
        }
        let (by, name) = (caller.clone(), model.to_owned());
        self.once(caller, once, |tx| {
            Box::pin(async move {
                let row = tx.hold_model(&by.project, &name).await?;
                let row = row.ok_or_else(|| not_found("model", &name))?;
                tx.insert_reason_table((row.id, &name), &new.entries, by.key).await
            })
        })
        .await
    }

    /// Reason tables of a model, the newest first.
    ///
    /// # Errors
    /// [`Code::NotFound`], [`Code::InvalidRequest`] for a bad page.
    pub async fn list_reason_tables(
        &self,
        caller: &Caller,
        model: &str,
        query: &PageQuery,
    ) -> Result<Page<ReasonTableSummary>> {
        self.get_model(caller, model).await?;
        self.store().list_reason_tables(&caller.project, model, query).await
    }

    /// A reason table of a model.
    ///
    /// # Errors
    /// [`Code::NotFound`].
    pub async fn get_reason_table(
        &self,
        caller: &Caller,
        model: &str,
        number: u32,
    ) -> Result<ReasonTable> {
        self.get_model(caller, model).await?;
        let found = self.store().get_reason_table(&caller.project, model, Some(number)).await?;
        found.ok_or_else(|| not_found("reason table", &format!("{number} of model {model}")))
    }
}

/// A reason table as CSV, which imports again as the same table.
///
/// # Errors
/// [`Error::Internal`] when it can't be written.
pub fn reason_table_csv(table: &ReasonTable) -> Result<Vec<u8>> {
    write_reason_entries(&table.entries)
}

/// Where a pointer such as `/entries/3/code` stands in a file.
fn in_line(pointer: &str, lines: &[u64]) -> Option<String> {
    let mut parts = pointer.strip_prefix("/entries")?.split('/').skip(1);
    let Some(entry) = parts.next() else { return Some("the file".to_owned()) };
    let line = lines.get(entry.parse::<usize>().ok()?)?;
    Some(match parts.next() {
        Some(column) => format!("line {line}, column {column}"),
        None => format!("line {line}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_becomes_a_line() {
        let place = |pointer| in_line(pointer, &[2, 5]).unwrap_or_default();
        assert_eq!(place("/entries/1/columns/0"), "line 5, column columns");
        assert_eq!(place("/entries/0"), "line 2");
        assert_eq!(place("/entries"), "the file");
        assert_eq!(place("/other"), "");
    }
}
