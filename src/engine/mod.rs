use crate::domain::model::*;
use crate::domain::schema::*;
use crate::domain::version::*;
use crate::error::Result;
use crate::frame::Frame;
#[derive(serde::Serialize, serde::Deserialize)]
pub struct FittedFeatures {}
pub struct Outputs {
    pub values: Vec<f64>,
}
pub struct LoadedModel;
impl LoadedModel {
    pub fn load(_: &Signature, _: &NetworkSpec, _: FittedFeatures, _: &[u8]) -> Result<Self> {
        Ok(Self)
    }
    pub fn predict(&self, _: &Frame) -> Result<Outputs> {
        Ok(Outputs { values: vec![] })
    }
}
pub enum Control {
    Continue,
    Stop,
}
pub struct EpochReport {
    pub epoch: u32,
    pub epochs: u32,
    pub loss: EpochLoss,
    pub best_epoch: u32,
    pub rows_per_second: f64,
    pub seconds_left: f64,
}
pub trait Hooks {
    fn epoch(&mut self, r: &EpochReport) -> Result<Control>;
    fn checkpoint(&mut self, b: &[u8]) -> Result<()>;
    fn should_stop(&mut self) -> bool;
}
pub struct Trained {
    pub spec: TrainingSpec,
    pub signature: Signature,
    pub features: FittedFeatures,
    pub metrics: Metrics,
    pub curve: Vec<EpochLoss>,
    pub weights: Vec<u8>,
    pub best_epoch: u32,
    pub rows: PartRows,
    pub parameters: u64,
    pub device: String,
    pub warnings: Vec<String>,
    pub seconds: f64,
}
pub fn train(_: &Frame, _: &TrainingSpec, _: Option<&[u8]>, _: &mut dyn Hooks) -> Result<Trained> {
    todo!()
}
pub fn check_spec(_: &TrainingSpec) -> Result<()> {
    Ok(())
}
pub fn check_columns(_: &TrainingSpec, _: &[ColumnSummary]) -> Result<()> {
    Ok(())
}
