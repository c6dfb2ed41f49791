//! What a specification says of texts.

use super::Findings;
use crate::domain::network::{NetworkSpec, TextAttentionNetwork, TextCnnNetwork};
use crate::domain::schema::ColumnType;
use crate::domain::training::TrainingSpec;

/// Most lengths of phrases, and most words of one.
const MAX_PHRASES: usize = 8;
const MAX_WORDS: u64 = 10;

/// Checks what needs no data.
pub(super) fn check_texts(spec: &TrainingSpec, findings: &mut Findings) {
    if let Some(text) = &spec.preprocessing.text {
        findings.whole("/preprocessing/text/max_words", text.max_words.into(), 1..=4096);
        findings.whole("/preprocessing/text/buckets", text.buckets.into(), 1024..=1 << 20);
        let kind = spec.network_kind();
        if !matches!(kind, "default" | "linear" | "text_cnn" | "text_attention") {
            let detail = format!(
                "{kind} reads no text; leave it out, or take text_cnn, text_attention or linear"
            );
            findings.add("/preprocessing/text", detail);
        }
        if spec.window.is_some() {
            findings.add("/preprocessing/text", "windows hold no texts; leave it out");
        }
    }
    if spec.window.is_some() && spec.network.as_ref().is_some_and(NetworkSpec::is_for_text) {
        let detail = format!("{} reads a text, and no windows of rows", spec.network_kind());
        findings.add("/network/kind", detail);
    }
}

pub(super) fn check_network(network: &NetworkSpec, findings: &mut Findings) {
    match network {
        NetworkSpec::TextCnn(cnn) => check_cnn(cnn, findings),
        NetworkSpec::TextAttention(attention) => {
            let TextAttentionNetwork { embedding, hidden, heads, dropout } = attention;
            super::network::whole(findings, "embedding", *embedding, 1, 512);
            super::network::whole(findings, "hidden", *hidden, 1, 1024);
            super::network::whole(findings, "heads", *heads, 1, 64);
            super::network::share(findings, "dropout", *dropout);
        }
        _ => {}
    }
}

fn check_cnn(cnn: &TextCnnNetwork, findings: &mut Findings) {
    let TextCnnNetwork { embedding, phrases, channels, dropout } = cnn;
    super::network::whole(findings, "embedding", *embedding, 1, 512);
    super::network::whole(findings, "channels", *channels, 1, 1024);
    super::network::share(findings, "dropout", *dropout);
    let Some(phrases) = phrases else { return };
    if !(1..=MAX_PHRASES).contains(&phrases.len()) {
        let detail = format!("has {} lengths; take 1 to {MAX_PHRASES}", phrases.len());
        findings.add("/network/phrases", detail);
    }
    for (i, words) in phrases.iter().enumerate() {
        let pointer = format!("/network/phrases/{i}");
        findings.whole(&pointer, (*words).into(), 1..=MAX_WORDS);
        if phrases[..i].contains(words) {
            findings.add(pointer, format!("{words} is named twice"));
        }
    }
}

/// Checks whether what is asked for suits the features, each with the type of its column.
pub(super) fn check_features(
    spec: &TrainingSpec,
    features: &[(&str, Option<ColumnType>)],
    findings: &mut Findings,
) {
    let is_asked = spec.network.as_ref().is_some_and(NetworkSpec::is_for_text);
    let place = match (is_asked, spec.preprocessing.text) {
        (true, _) => "/network",
        (false, Some(_)) => "/preprocessing/text",
        (false, None) => return,
    };
    match features {
        [(_, Some(ColumnType::String) | None)] | [] => {}
        [(name, Some(_))] => {
            let detail = format!("is for a text, and {name} holds none; leave it out");
            findings.add(place, detail);
        }
        _ => {
            let detail = "a text is learnt from alone: name one column of text, and no other";
            findings.add("/features", detail);
        }
    }
}
