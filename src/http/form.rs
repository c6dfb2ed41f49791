//! Forms (`multipart/form-data`, RFC 7578) on their way in: taken apart, and handed on part by part.

use std::io;

use actix_multipart::{Multipart, MultipartError};
use actix_web::error::PayloadError;
use actix_web::http::header::HeaderMap;
use futures_util::{StreamExt as _, stream};
use serde::Serialize;
use utoipa::ToSchema;

use super::body::Pieces;
use crate::error::{Code, Error, Result};
use crate::service::Upload;

/// Images with what belongs to them. Parts of other names are columns too.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ImageForm {
    /// PNG and JPEG files, one a row; or files in IDX (MNIST's format, plain or gzip) with many
    /// rows each.
    #[schema(value_type = Vec<String>, format = Binary)]
    image: Vec<String>,
    /// A text that holds for every image after it, up to the next such part; or a file: CSV or JSON
    /// lines with a column `file` that names each image's file, or labels in IDX.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "cat")]
    label: Option<String>,
    /// As `label`: `train`, `validation` or `test`, say, to split the rows by.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "train")]
    part: Option<String>,
}

/// Receives a form.
///
/// # Errors
/// [`Code::MalformedRequest`] for what is no form, [`Code::InvalidData`] for one without parts or a
/// name that is too long; those of the body and of the upload.
pub(super) async fn receive(
    headers: &HeaderMap,
    pieces: Pieces,
    upload: &mut Upload,
) -> Result<()> {
    let body = stream::try_unfold(pieces, |mut pieces| async move {
        let piece = pieces.next().await.map_err(|e| PayloadError::Io(io::Error::other(e)))?;
        Ok(piece.map(|piece| (piece, pieces)))
    });
    let mut form = Multipart::new(headers, body);
    let mut parts = 0_u64;
    while let Some(part) = form.next().await {
        let mut part = part.map_err(unreadable)?;
        parts += 1;
        let disposition = part.content_disposition();
        let file = disposition.and_then(|d| d.get_filename()).map(str::to_owned);
        let name = part.name().unwrap_or_default().to_owned();
        upload.begin_part(&name, file.as_deref()).await?;
        while let Some(piece) = part.next().await {
            upload.write_part(&piece.map_err(unreadable)?).await?;
        }
        upload.end_part().await?;
    }
    match parts {
        0 => Err(Error::new(Code::InvalidData, "the form has no parts: send the images in it")),
        _ => Ok(()),
    }
}

/// An error of the body itself comes back as it was.
fn unreadable(error: MultipartError) -> Error {
    match error {
        MultipartError::Payload(PayloadError::Io(error)) => match error.downcast::<Error>() {
            Ok(error) => error,
            Err(error) => malformed(&error),
        },
        error => malformed(&error),
    }
}

fn malformed(error: &dyn std::fmt::Display) -> Error {
    Error::new(Code::MalformedRequest, format!("the form can't be read: {error}"))
}
