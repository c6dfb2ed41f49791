//! Steps of a training beside the same steps in PyTorch.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::torch::Torch;
use super::{Row, Train, gpu, median, tenth};
use crate::app::{Device, Drawn, Rehearsal, elementwise_times, keep_kernels};
use crate::cli::interruptible;
use crate::cli::output::remark;
use crate::error::{Code, Context, Error, Result};

/// Rows of the table whose defaults `tabm` has: those of `examples/bench/tabm.sh` on public data.
const TABLE: usize = 24_000;

/// How often functions are measured.
const ELEMENTWISE_TURNS: usize = 30;

/// Networks that are trained side by side, too: one of small and one of large products.
const SIDES: [&str; 2] = ["lenet", "tabm"];

/// A network that is measured.
pub(super) struct Case {
    /// As the figures' ids and the peer have it.
    pub(super) id: &'static str,
    name: &'static str,
    /// What of the specification differs from its defaults.
    spec: Value,
    drawn: Drawn,
    classes: usize,
}

/// Those of one device: on a GPU some more, since it is for large ones.
pub(super) fn cases(device: Device) -> Vec<Case> {
    let mut cases = small();
    if device != Device::Cpu {
        cases.extend(large());
    }
    cases
}

/// What would take a CPU too long to be measured.
fn large() -> Vec<Case> {
    let adam = json!({"kind": "adam"});
    let attention = |id, name, precision| Case {
        id,
        name,
        spec: json!({
            "network": {
                "kind": "attention", "width": 512, "heads": 8, "layers": 4,
                "feed_forward": 1024, "dropout": 0.0
            },
            "batch_size": 64, "optimiser": adam, "gradient_clip": 0.0, "precision": precision
        }),
        drawn: Drawn::Windows { steps: 128, channels: 8 },
        classes: 2,
    };
    vec![
        Case {
            id: "mlp_large",
            name: "256-2048-2048-1, batch 8192, Adam",
            spec: json!({
                "network": {"kind": "mlp", "hidden": [2048, 2048], "dropout": 0.0},
                "batch_size": 8192, "optimiser": adam, "gradient_clip": 0.0
            }),
            drawn: Drawn::Numbers { columns: 256, bins: 0 },
            classes: 2,
        },
        attention(
            "attention_large",
            "self-attention, 4 x 512, 8 heads, 128 steps, batch 64, Adam",
            "f32",
        ),
        attention("attention_large_bf16", "the same in bf16", "bf16"),
    ]
}

fn small() -> Vec<Case> {
    let adam = json!({"kind": "adam"});
    let lstm = json!({
        "network": {"kind": "lstm", "layers": 2, "hidden": 64},
        "batch_size": 64, "optimiser": adam, "gradient_clip": 0.0
    });
    vec![
        Case {
            id: "mlp",
            name: "20-64-64-1, batch 32, Adam",
            spec: json!({
                "network": {"kind": "mlp", "hidden": [64, 64], "dropout": 0.0},
                "batch_size": 32, "optimiser": adam, "gradient_clip": 0.0
            }),
            drawn: Drawn::Numbers { columns: 20, bins: 0 },
            classes: 2,
        },
        Case {
            id: "lstm",
            name: "LSTM 2 x 64, 64 steps, batch 64, Adam",
            spec: lstm.clone(),
            drawn: Drawn::Windows { steps: 64, channels: 8 },
            classes: 2,
        },
        Case {
            id: "lstm_256",
            name: "LSTM 2 x 64, 256 steps, batch 64, Adam",
            spec: lstm,
            drawn: Drawn::Windows { steps: 256, channels: 8 },
            classes: 2,
        },
        Case {
            id: "lenet",
            name: "LeNet, 28 x 28, batch 64, SGD with momentum",
            spec: json!({"network": {"kind": "lenet"}, "batch_size": 64}),
            drawn: Drawn::Pictures { side: 28 },
            classes: 10,
        },
        Case {
            id: "attention",
            name: "self-attention, 2 x 64, 4 heads, 32 steps, batch 32, Adam",
            spec: json!({
                "network": {
                    "kind": "attention", "width": 64, "heads": 4, "layers": 2, "dropout": 0.0
                },
                "batch_size": 32, "optimiser": adam, "gradient_clip": 0.0
            }),
            drawn: Drawn::Windows { steps: 32, channels: 8 },
            classes: 2,
        },
        Case {
            id: "tabm",
            name: "the default for tables, 23 numbers, batch 512, AdamW",
            spec: json!({"network": {"kind": "tabm"}}),
            drawn: Drawn::Numbers { columns: 23, bins: 128 },
            classes: 2,
        },
    ]
}

impl Case {
    pub(super) fn rehearsal(&self) -> Result<Rehearsal> {
        let mut spec = json!({"dataset": {"name": "bench"}, "target": "y"});
        if let (Some(spec), Some(more)) = (spec.as_object_mut(), self.spec.as_object()) {
            spec.extend(more.clone());
        }
        let spec = serde_json::from_value(spec).context("making a training specification")?;
        Ok(Rehearsal::new(&spec, self.drawn, self.classes, TABLE))
    }
}

impl Case {
    /// Whether a CPU would take too long.
    pub(super) fn is_large(&self) -> bool {
        self.id.contains("_large")
    }

    /// What a GPU gives over this machine's CPU, from the seconds of a step on each.
    pub(super) fn against_the_cpu(&self, gpu: f64, cpu: f64) -> Row {
        Row {
            id: format!("train.{}.cpu", self.id),
            name: format!("{}: a step, against this CPU's", self.name),
            unit: "ms",
            ours: gpu * 1e3,
            peer: Some(cpu * 1e3),
            ratio: Some(gpu / cpu),
        }
    }
}

/// The cases that are asked for; all where none is named.
fn asked(only: &[String], device: Device) -> Result<Vec<Case>> {
    let all = cases(device);
    let names: Vec<&str> = all.iter().map(|case| case.id).collect();
    if let Some(unknown) = only.iter().find(|name| !names.contains(&name.as_str())) {
        let detail = format!("there is no network '{unknown}' here; take {}", names.join(", "));
        return Err(Error::field(Code::InvalidRequest, "--only", detail));
    }
    Ok(all.into_iter().filter(|c| only.is_empty() || only.iter().any(|o| o == c.id)).collect())
}

/// What the turns of a case have shown: seconds of a step, the tenth percentile of each turn.
#[derive(Debug, Default, Clone)]
struct Turns {
    ours: Vec<f64>,
    /// Empty where there is no peer.
    peer: Vec<f64>,
}

pub(super) async fn run(options: &Train) -> Result<Vec<Row>> {
    if let Some(kernels) = &options.kernels {
        // Before devices are looked for, which settles where it is done.
        keep_kernels(kernels);
    }
    let device = Device::resolve(&options.device)
        .map_err(|error| Error::field(error.code(), "--device", error.to_string()))?;
    let cases = asked(&options.only, device)?;
    interruptible(measure(&cases, device, options)).await
}

async fn measure(cases: &[Case], device: Device, options: &Train) -> Result<Vec<Row>> {
    let time = Duration::from_secs_f64(options.seconds);
    let rehearsals: Vec<Arc<Rehearsal>> =
        cases.iter().map(|case| case.rehearsal().map(Arc::new)).collect::<Result<_>>()?;
    let mut torch =
        options.peer.as_ref().map(|python| Torch::start(python, device, time)).transpose()?;
    let mut all: BTreeMap<&'static str, Turns> = BTreeMap::new();
    for _ in 0..options.rounds.max(1) {
        for (case, rehearsal) in cases.iter().zip(&rehearsals) {
            let of_turn = rehearsal.clone();
            let times = blocking(move || of_turn.step_times(device, time)).await?;
            let turns = all.entry(case.id).or_default();
            turns.ours.push(tenth(times));
            let Some(mut peer) = torch.take() else { continue };
            let (id, parameters) = (case.id, rehearsal.parameters()?);
            let (peer, times) = blocking(move || {
                let times = peer.measure(id, parameters)?;
                Ok((peer, times))
            })
            .await?;
            torch = Some(peer);
            match times {
                Ok(times) => turns.peer.push(tenth(times)),
                Err(why) if turns.ours.len() == 1 => {
                    remark(&format!("{}: PyTorch was not measured: {why}", case.id));
                }
                Err(_) => {}
            }
        }
    }
    let mut rows: Vec<Row> = cases.iter().filter_map(|c| Some(row(c, all.get(c.id)?))).collect();
    if let (Some(short), Some(long)) = (all.get("lstm"), all.get("lstm_256")) {
        rows.extend(lengths(short, long));
    }
    if device != Device::Cpu {
        rows.extend(gpu::rows(cases, &rehearsals, &all_ours(&all), device, time).await?);
        return Ok(rows);
    }
    for (case, rehearsal) in
        cases.iter().zip(&rehearsals).filter(|(case, _)| SIDES.contains(&case.id))
    {
        rows.push(side_by_side(case, rehearsal, time, options.rounds).await?);
    }
    if options.only.is_empty() {
        rows.push(blocking(move || Ok(elementwise())).await?);
    }
    Ok(rows)
}

/// Seconds of a step of ours, by the network's id.
fn all_ours(all: &BTreeMap<&'static str, Turns>) -> BTreeMap<&'static str, f64> {
    all.iter().map(|(id, turns)| (*id, median(turns.ours.clone()))).collect()
}

/// Steps of networks that are trained at once, one on each of this machine's threads, against those of
/// one alone: what `--threads` gives.
async fn side_by_side(
    case: &Case,
    rehearsal: &Arc<Rehearsal>,
    time: Duration,
    rounds: usize,
) -> Result<Row> {
    let threads = std::thread::available_parallelism().map_or(1, |number| number.get());
    let (mut all, mut one) = (Vec::new(), Vec::new());
    for _ in 0..rounds.max(1) {
        for (count, rates) in [(1, &mut one), (threads, &mut all)] {
            let at_once = (0..count).map(|_| {
                let rehearsal = rehearsal.clone();
                blocking(move || rehearsal.step_times(Device::Cpu, time))
            });
            let times = futures_util::future::try_join_all(at_once).await?;
            rates.push(times.into_iter().map(|times| 1.0 / median(times)).sum::<f64>());
        }
    }
    let ratios = all.iter().zip(&one).map(|(all, one)| all / one).collect();
    Ok(Row {
        id: format!("train.{}.threads", case.id),
        name: format!("{}: {threads} trainings at once, against one", case.name),
        unit: "steps/s",
        ours: median(all),
        peer: Some(median(one)),
        ratio: Some(median(ratios)),
    })
}

/// What functions that curve cost beside one that does not.
fn elementwise() -> Row {
    let turns: Vec<[f64; 2]> = (0..ELEMENTWISE_TURNS).map(|_| elementwise_times(1 << 20)).collect();
    let [curved, relu] = [0, 1].map(|at| tenth(turns.iter().map(|turn| turn[at]).collect()));
    Row {
        id: "train.elementwise".to_owned(),
        name: "exp, sigmoid, tanh and GELU of 1,048,576 numbers, against ReLU".to_owned(),
        unit: "ms",
        ours: curved * 1e3,
        peer: Some(relu * 1e3),
        ratio: Some(curved / relu),
    }
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.context("waiting for a measurement")?
}

fn row(case: &Case, turns: &Turns) -> Row {
    let has_peer = !turns.peer.is_empty();
    let ratios = turns.ours.iter().zip(&turns.peer).map(|(ours, peer)| ours / peer);
    Row {
        id: format!("train.{}", case.id),
        name: format!("{}: a step, against PyTorch", case.name),
        unit: "ms",
        ours: median(turns.ours.clone()) * 1e3,
        peer: has_peer.then(|| median(turns.peer.clone()) * 1e3),
        ratio: has_peer.then(|| median(ratios.collect())),
    }
}

/// How a step grows with the length of what is read, ours and the peer's own.
fn lengths(short: &Turns, long: &Turns) -> Vec<Row> {
    let of = |id: &str, who: &str, short: &[f64], long: &[f64]| {
        (!short.is_empty() && !long.is_empty()).then(|| Row {
            id: format!("train.lstm.length{id}"),
            name: format!("LSTM, 256 steps against 64{who}"),
            unit: "ms",
            ours: median(long.to_vec()) * 1e3,
            peer: Some(median(short.to_vec()) * 1e3),
            ratio: Some(median(long.iter().zip(short).map(|(l, s)| l / s).collect())),
        })
    };
    let ours = of("", "", &short.ours, &long.ours);
    let peer = of(".torch", ", in PyTorch", &short.peer, &long.peer);
    ours.into_iter().chain(peer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_is_a_training_that_the_peer_knows() {
        for case in cases(Device::Cuda(0)) {
            let rehearsal = case.rehearsal().unwrap();
            assert!(rehearsal.parameters().unwrap() > 1_000, "{}", case.id);
            assert!(super::super::torch::SCRIPT.contains(&format!("\"{}\": (", case.id)));
        }
        let sizes: Vec<usize> =
            small().iter().map(|c| c.rehearsal().unwrap().batch_size()).collect();
        assert_eq!(sizes, [32, 64, 64, 64, 32, 512]);
    }

    #[test]
    fn an_unknown_network_is_refused_with_those_there_are() {
        let error = asked(&["lstm".into(), "gru".into()], Device::Cpu).err().unwrap();
        let said = error.to_string();
        assert!(said.contains("'gru'") && said.contains("lstm_256"), "{said}");
        assert_eq!(asked(&["lstm".into()], Device::Cpu).unwrap().len(), 1);
        assert_eq!(asked(&[], Device::Cpu).unwrap().len(), 6);
        assert_eq!(asked(&[], Device::Cuda(0)).unwrap().len(), 9);
    }

    #[test]
    fn ratios_are_those_of_turns_that_followed_each_other() {
        let turns = Turns { ours: vec![1.0, 4.0, 3.0], peer: vec![2.0, 4.0, 1.0] };
        let row = row(&small()[0], &turns);
        assert_eq!((row.ours, row.peer, row.ratio), (3_000.0, Some(2_000.0), Some(1.0)));
        let alone = Turns { ours: vec![1.0], peer: Vec::new() };
        assert_eq!(super::row(&small()[0], &alone).ratio, None);
        let grown = lengths(&alone, &Turns { ours: vec![4.5], peer: vec![1.0] });
        let ids: Vec<&str> = grown.iter().map(|row| row.id.as_str()).collect();
        assert_eq!((ids, grown[0].ratio), (vec!["train.lstm.length"], Some(4.5)));
    }
}
