//! What can be said of a network's size.

use super::{Findings, SHARE};
use crate::domain::network::{CnnNetwork, NetworkSpec, TabmNetwork, TransformerNetwork};

/// Checks the network of a specification.
pub(super) fn check(network: &NetworkSpec, findings: &mut Findings) {
    match network {
        NetworkSpec::Linear(_) => {}
        NetworkSpec::Scorecard(card) => super::scorecard::check_card(card, findings),
        NetworkSpec::Mlp(mlp) => {
            let layers = mlp.hidden.as_ref().map_or(1, Vec::len);
            if !(1..=16).contains(&layers) {
                findings.add("/network/hidden", format!("has {layers} layers; take 1 to 16"));
            }
            for (i, &units) in mlp.hidden.iter().flatten().enumerate() {
                findings.whole(&format!("/network/hidden/{i}"), units.into(), 1..=4096);
            }
            share(findings, "dropout", mlp.dropout);
        }
        NetworkSpec::Lenet(_) => {}
        NetworkSpec::Cnn(cnn) => check_cnn(cnn, findings),
        NetworkSpec::Tabm(tabm) => check_tabm(tabm, findings),
        NetworkSpec::Monotone(monotone) => super::monotone::check_size(monotone, findings),
        NetworkSpec::Transformer(transformer) => check_transformer(transformer, findings),
        NetworkSpec::TextCnn(_) | NetworkSpec::TextAttention(_) => {
            super::texts::check_network(network, findings);
        }
        NetworkSpec::Lstm(_)
        | NetworkSpec::Attention(_)
        | NetworkSpec::NLinear(_)
        | NetworkSpec::DLinear(_) => super::windows::check_network(network, findings),
    }
}

fn check_cnn(cnn: &CnnNetwork, findings: &mut Findings) {
    let convolutions = cnn.channels.as_ref().map_or(1, Vec::len);
    if !(1..=6).contains(&convolutions) {
        let detail = format!("has {convolutions} convolutions; take 1 to 6");
        findings.add("/network/channels", detail);
    }
    for (i, &channels) in cnn.channels.iter().flatten().enumerate() {
        findings.whole(&format!("/network/channels/{i}"), channels.into(), 1..=1024);
    }
    whole(findings, "hidden", cnn.hidden, 1, 4096);
    share(findings, "dropout", cnn.dropout);
}

fn check_tabm(tabm: &TabmNetwork, findings: &mut Findings) {
    whole(findings, "members", tabm.members, 1, 64);
    whole(findings, "kept_members", tabm.kept_members, 1, 64);
    if let (Some(kept), Some(members)) = (tabm.kept_members, tabm.members)
        && kept > members
    {
        let detail = format!("{kept} are more than the {members} members that are trained");
        findings.add("/network/kept_members", detail);
    }
    whole(findings, "blocks", tabm.blocks, 1, 16);
    whole(findings, "width", tabm.width, 1, 4096);
    whole(findings, "embedding", tabm.embedding, 1, 256);
    whole(findings, "bins", tabm.bins, 2, 1024);
    share(findings, "dropout", tabm.dropout);
}

fn check_transformer(transformer: &TransformerNetwork, findings: &mut Findings) {
    whole(findings, "blocks", transformer.blocks, 1, 16);
    whole(findings, "width", transformer.width, 1, 1024);
    whole(findings, "heads", transformer.heads, 1, 64);
    whole(findings, "feed_forward", transformer.feed_forward, 1, 4096);
    share(findings, "attention_dropout", transformer.attention_dropout);
    share(findings, "dropout", transformer.dropout);
    let (width, heads) = (transformer.width.unwrap_or(64), transformer.heads.unwrap_or(8));
    if heads > 0 && width % heads != 0 {
        findings.add(
            "/network/width",
            format!("{width} is no multiple of the {heads} heads, among which it is divided"),
        );
    }
}

pub(super) fn whole(findings: &mut Findings, name: &str, value: Option<u32>, low: u64, high: u64) {
    if let Some(value) = value {
        findings.whole(&format!("/network/{name}"), value.into(), low..=high);
    }
}

pub(super) fn share(findings: &mut Findings, name: &str, value: Option<f64>) {
    if let Some(value) = value {
        findings.real(&format!("/network/{name}"), value, SHARE);
    }
}
