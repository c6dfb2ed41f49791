//! PyTorch's side of the steps: one Python process that measures a network whenever it is named.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use serde::Deserialize;

use crate::app::Device;
use crate::error::{Code, Context, Error, Result};

/// Within the program, so that who has downloaded it can measure too.
pub(super) const SCRIPT: &str = include_str!("../../../examples/bench/train_torch.py");

/// glibc then keeps what it was given, as our allocator does: PyTorch gains from it.
const ALLOCATOR: [(&str, &str); 2] =
    [("MALLOC_MMAP_THRESHOLD_", "1073741824"), ("MALLOC_TRIM_THRESHOLD_", "4294967296")];

/// What the script prints of a network.
#[derive(Debug, PartialEq, Deserialize)]
struct Answer {
    #[serde(default)]
    parameters: u64,
    #[serde(default)]
    times: Vec<f64>,
    /// Why nothing was measured.
    error: Option<String>,
}

impl Answer {
    /// The seconds of each step, or why there are none.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] when its network is not of the same size.
    fn times(
        self,
        network: &str,
        parameters: u64,
    ) -> Result<std::result::Result<Vec<f64>, String>> {
        if let Some(why) = self.error {
            return Ok(Err(why));
        }
        if self.parameters != parameters {
            let detail = format!(
                "the network '{network}' has {} parameters in PyTorch and {parameters} here: they \
                 can't be compared",
                self.parameters
            );
            return Err(Error::new(Code::InvalidRequest, detail));
        }
        Ok(Ok(self.times))
    }
}

/// The process; killed when this is dropped.
pub(super) struct Torch {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    python: String,
}

impl Torch {
    /// Starts the script with a Python that has PyTorch; each network is measured on a device for
    /// `time`.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when there is no such program.
    pub(super) fn start(python: &Path, device: Device, time: Duration) -> Result<Self> {
        let mut command = Command::new(python);
        command
            .args(["-c", SCRIPT, "--seconds", &time.as_secs_f64().to_string()])
            .args(["--device", &device.name()])
            .envs(ALLOCATOR)
            .envs([("OMP_NUM_THREADS", "1"), ("MKL_NUM_THREADS", "1")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let python = python.display().to_string();
        let mut process = command.spawn().map_err(|error| {
            Error::new(Code::Unavailable, format!("{python} can't be started: {error}"))
        })?;
        let (input, output) = (process.stdin.take(), process.stdout.take());
        let (Some(input), Some(output)) = (input, output) else {
            return Err(Error::internal("starting PyTorch", "it has no input or output"));
        };
        Ok(Self { process, input, output: BufReader::new(output), python })
    }

    /// The seconds of each step of a network, which has to have so many parameters; or why it was
    /// not measured, as when a package that it needs is not installed.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the process has ended, [`Code::InvalidRequest`] when its network
    /// is another one.
    pub(super) fn measure(
        &mut self,
        network: &str,
        parameters: u64,
    ) -> Result<std::result::Result<Vec<f64>, String>> {
        let mut line = String::new();
        // What it could not be told, it can't answer either.
        let _ = writeln!(self.input, "{network}").and_then(|()| self.input.flush());
        self.output.read_line(&mut line).context("reading PyTorch's answer")?;
        if line.is_empty() {
            let detail = format!(
                "{} ended without an answer; above it says why. It has to have PyTorch, which \
                 'examples/bench/peers.sh' installs",
                self.python
            );
            return Err(Error::new(Code::Unavailable, detail));
        }
        let answer: Answer = serde_json::from_str(&line).context("reading PyTorch's answer")?;
        answer.times(network, parameters)
    }
}

impl Drop for Torch {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> Answer {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn an_answer_is_of_the_same_network_or_none() {
        let text = r#"{"network": "x", "parameters": 7, "times": [0.5, 0.25], "loss": 0.7}"#;
        assert_eq!(answer(text).times("x", 7).unwrap(), Ok(vec![0.5, 0.25]));
        let other = answer(text).times("x", 8).unwrap_err().to_string();
        assert!(other.contains("7 parameters") && other.contains('8'), "{other}");
        let missing = answer(r#"{"network": "x", "error": "No module named 'tabm'"}"#);
        assert_eq!(missing.times("x", 7).unwrap(), Err("No module named 'tabm'".to_owned()));
    }

    #[test]
    fn a_python_without_pytorch_is_told_of() {
        let time = Duration::from_millis(1);
        let error = Torch::start(Path::new("/nowhere/python"), Device::Cpu, time).err().unwrap();
        assert!(error.to_string().contains("/nowhere/python"));
        // Ends at once, as a Python does that can't import what it needs.
        let mut ended = Torch::start(Path::new("false"), Device::Cpu, time).unwrap();
        let error = ended.measure("mlp", 1).unwrap_err().to_string();
        assert!(error.contains("peers.sh"), "{error}");
    }
}
