//! FT-Transformer (Gorishniy et al. 2021, "Revisiting deep learning models for tabular data").

use std::sync::Arc;

use burn::module::{Module, Param};
use burn::tensor::backend::Backend;
use burn::tensor::{Int, Tensor, TensorData, activation};

use super::affine::Affine;
use super::dropout::Dropout;
use super::observer::{AnsweredBy, Observer};
use super::parameters::Builder;
use crate::domain::activation::LayerFunction;
use crate::domain::network::TransformerNetwork;
use crate::engine::features::{Group, Layout};
use crate::engine::kernels::{
    Attending, Projected, attend, attention, columns, normalise, product,
};

/// What the axes are of what is made of tokens.
const TOKENS: [&str; 2] = ["token", "unit"];

/// Each column becomes a token; blocks of self-attention and feed-forward layers, normalised before
/// each (but before the first attention); the answer is read off a token of its own, the first.
///
/// Tensors `token` `[1, width]`; `numbers.weight`, `numbers.bias` `[numbers and flags, width]`;
/// `categories.N` `[categories, width]`, `category_bias` `[columns of categories, width]`; of each
/// block `blocks.N.query`, `.key`, `.value`, `.out`, `.enter` `[width, 2 * units]` and `.leave`
/// `[units, width]` with `.weight` and `.bias` each, `.attention_norm` and `.feed_norm` with
/// `.gain` and `.shift` `[width]`; `norm.gain`, `norm.shift`, `output.weight`, `output.bias`.
#[derive(Module, Debug)]
pub(crate) struct Transformer<B: Backend> {
    token: Param<Tensor<B, 2>>,
    numbers: Option<Numbers<B>>,
    categories: Vec<Param<Tensor<B, 2>>>,
    category_bias: Option<Param<Tensor<B, 2>>>,
    blocks: Vec<Block<B>>,
    norm: Norm<B>,
    output: Affine<B>,
    /// Where each column of categories is in a row.
    #[module(skip)]
    ranges: Vec<(usize, usize)>,
}

/// Tokens of numbers and flags.
#[derive(Module, Debug)]
struct Numbers<B: Backend> {
    weight: Param<Tensor<B, 2>>,
    bias: Param<Tensor<B, 2>>,
    positions: Tensor<B, 1, Int>,
}

#[derive(Module, Debug)]
struct Block<B: Backend> {
    /// The first block has none.
    attention_norm: Option<Norm<B>>,
    query: Affine<B>,
    key: Affine<B>,
    value: Affine<B>,
    out: Affine<B>,
    feed_norm: Norm<B>,
    enter: Affine<B>,
    leave: Affine<B>,
    #[module(skip)]
    heads: usize,
    #[module(skip)]
    attention_dropout: f64,
    #[module(skip)]
    dropout: f64,
}

/// Layer normalisation (Ba et al. 2016).
#[derive(Module, Debug)]
struct Norm<B: Backend> {
    gain: Param<Tensor<B, 1>>,
    shift: Param<Tensor<B, 1>>,
}

impl<B: Backend> Norm<B> {
    fn new(width: usize, builder: &mut Builder<'_, B>) -> Self {
        Self {
            gain: builder.parameter(vec![1.0; width], [width]),
            shift: builder.parameter(vec![0.0; width], [width]),
        }
    }

    fn forward<const D: usize>(&self, x: Tensor<B, D>) -> Tensor<B, D> {
        normalise(x, self.gain.val(), self.shift.val())
    }
}

impl<B: Backend> Transformer<B> {
    /// Of a specification in which nothing is absent.
    pub(super) fn new(
        spec: &TransformerNetwork,
        layout: &Layout,
        outputs: usize,
        builder: &mut Builder<'_, B>,
    ) -> Self {
        let width = spec.width.unwrap_or(1) as usize;
        let bound = 1.0 / (width as f32).sqrt();
        let (mut positions, mut ranges) = (Vec::new(), Vec::new());
        let groups = layout.groups();
        for group in groups {
            match group {
                Group::Number { input, .. } | Group::Ordered { input, .. } | Group::Flag(input) => {
                    positions.push(*input as i64)
                }
                Group::Category(range) => ranges.push((range.start, range.end)),
                // The number itself has a token.
                Group::Code(_) => {}
            }
        }
        let count = positions.len();
        let token = builder.uniform([1, width], bound);
        let numbers = (count > 0).then(|| Numbers {
            weight: builder.uniform([count, width], bound),
            bias: builder.uniform([count, width], bound),
            positions: Tensor::from_data(TensorData::new(positions, [count]), builder.device()),
        });
        let categories = ranges
            .iter()
            .map(|(start, end)| builder.uniform([end - start, width], bound))
            .collect();
        let category_bias =
            (!ranges.is_empty()).then(|| builder.uniform([ranges.len(), width], bound));
        let blocks = (0..spec.blocks.unwrap_or(1))
            .map(|block| Block::new(spec, block == 0, width, builder))
            .collect();
        let norm = Norm::new(width, builder);
        let output = builder.linear(width, outputs);
        Self { token, numbers, categories, category_bias, blocks, norm, output, ranges }
    }

    pub(super) fn forward(
        &self,
        inputs: Tensor<B, 2>,
        dropout: Option<&mut Dropout>,
    ) -> Tensor<B, 2> {
        self.observed(inputs, dropout, &mut Observer::default())
    }

    pub(super) fn observed(
        &self,
        inputs: Tensor<B, 2>,
        mut dropout: Option<&mut Dropout>,
        observer: &mut Observer,
    ) -> Tensor<B, 2> {
        let mut x = self.tokens(inputs);
        observer.see(|| "tokens".to_owned(), LayerFunction::Linear, (&TOKENS, 1), &x);
        for (number, block) in self.blocks.iter().enumerate() {
            x = block.observed(x, dropout.as_deref_mut(), number, observer);
            let name = || format!("blocks.{number}");
            observer.see(name, LayerFunction::Linear, (&TOKENS, 1), &x);
        }
        let [rows, _, width] = x.dims();
        let answer = x.slice([0..rows, 0..1, 0..width]).reshape([rows, width]);
        let answer = activation::relu(self.norm.forward(answer));
        observer.see(|| "norm".to_owned(), LayerFunction::Relu, (&["unit"], 1), &answer);
        let logits = self.output.forward(answer);
        observer.see(|| "output".to_owned(), LayerFunction::Linear, (&["output"], 1), &logits);
        logits
    }

    /// `[rows, inputs]` to `[rows, tokens, width]`.
    fn tokens(&self, inputs: Tensor<B, 2>) -> Tensor<B, 3> {
        let rows = inputs.dims()[0];
        let token: Tensor<B, 3> = self.token.val().unsqueeze_dim(0);
        let mut tokens = vec![token.repeat_dim(0, rows)];
        if let Some(numbers) = &self.numbers {
            let x: Tensor<B, 3> =
                columns(inputs.clone(), numbers.positions.clone()).unsqueeze_dim(2);
            let weight = numbers.weight.val().unsqueeze_dim(0);
            tokens.push(x * weight + numbers.bias.val().unsqueeze_dim(0));
        }
        if let Some(bias) = &self.category_bias {
            let each = self.categories.iter().zip(&self.ranges).map(|(embedding, (start, end))| {
                let chosen = inputs.clone().slice([0..rows, *start..*end]);
                product(chosen, embedding.val(), self.output.precision).unsqueeze_dim(1)
            });
            let categories: Tensor<B, 3> = Tensor::cat(each.collect(), 1);
            tokens.push(categories + bias.val().unsqueeze_dim(0));
        }
        Tensor::cat(tokens, 1)
    }
}

impl<B: Backend> Block<B> {
    fn new(
        spec: &TransformerNetwork,
        is_first: bool,
        width: usize,
        builder: &mut Builder<'_, B>,
    ) -> Self {
        let units = spec.feed_forward.unwrap_or(1) as usize;
        Self {
            attention_norm: (!is_first).then(|| Norm::new(width, builder)),
            query: builder.linear(width, width),
            key: builder.linear(width, width),
            value: builder.linear(width, width),
            out: builder.linear(width, width),
            feed_norm: Norm::new(width, builder),
            enter: builder.linear(width, 2 * units),
            leave: builder.linear(units, width),
            heads: spec.heads.unwrap_or(1) as usize,
            attention_dropout: spec.attention_dropout.unwrap_or(0.0),
            dropout: spec.dropout.unwrap_or(0.0),
        }
    }

    fn observed(
        &self,
        x: Tensor<B, 3>,
        mut dropout: Option<&mut Dropout>,
        number: usize,
        observer: &mut Observer,
    ) -> Tensor<B, 3> {
        let normal = match &self.attention_norm {
            Some(norm) => norm.forward(x.clone()),
            None => x.clone(),
        };
        let attended = self.attend(normal, dropout.as_deref_mut(), number, observer);
        let name = || format!("blocks.{number}.out");
        observer.see(name, LayerFunction::Linear, (&TOKENS, 1), &attended);
        let x = x + attended;
        let entered = self.enter.forward(self.feed_norm.forward(x.clone()));
        let [gated, gate]: [Tensor<B, 3>; 2] =
            entered.chunk(2, 2).try_into().unwrap_or_else(|_| [x.clone(), x.clone()]);
        let mut fed = gated * activation::relu(gate);
        let name = || format!("blocks.{number}.enter");
        observer.see(name, LayerFunction::Relu, (&TOKENS, 1), &fed);
        if let Some(dropout) = &mut dropout {
            fed = dropout.apply(fed, self.dropout);
        }
        x + self.leave.forward(fed)
    }

    fn attend(
        &self,
        x: Tensor<B, 3>,
        dropout: Option<&mut Dropout>,
        number: usize,
        observer: &mut Observer,
    ) -> Tensor<B, 3> {
        let [rows, tokens, _] = x.dims();
        let parts = [&self.query, &self.key, &self.value].map(|part| part.forward(x.clone()));
        let weights = rows * self.heads * tokens * tokens;
        let keep = dropout.and_then(|dropout| dropout.mask(weights, self.attention_dropout));
        let how = Attending {
            heads: self.heads,
            causal: false,
            precision: self.out.precision,
            keep: keep.map(Arc::new),
        };
        let parts = Projected::Separate(parts);
        let name = || format!("blocks.{number}");
        observer.see_attention(name, Some(AnsweredBy::First), None, || attention(&parts, &how));
        self.out.forward(attend(parts, how))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::model::Task;
    use crate::domain::training::LossSpec;
    use crate::engine::networks::fixture::{
        Fixture, Tracked, assert_near, gradients, loaded, rows, transposed, values,
    };
    use crate::engine::networks::parameters::{Parameter, Parameters};
    use crate::engine::train::{Loss, batch_loss};

    /// The package's parameters under our names.
    fn parts(fixture: &Fixture, part: &str) -> Parameters {
        let get = |name: &str| fixture.tensor(part, name);
        let row = |mut p: Parameter| {
            p.shape.insert(0, 1);
            p
        };
        let mut all = Parameters::new();
        let mut add = |name: &str, parameter: Parameter| all.insert(name.to_owned(), parameter);
        add("token", row(get("cls_embedding.weight")));
        add("numbers.weight", get("cont_embeddings.weight"));
        add("numbers.bias", get("cont_embeddings.bias"));
        add("categories.0", get("cat_embeddings.embeddings.0.weight"));
        add("category_bias", get("cat_embeddings.bias"));
        for block in 0..2 {
            let (ours, theirs) = (format!("blocks.{block}"), format!("backbone.blocks.{block}"));
            for (our, their) in [
                ("query", "attention.W_q"),
                ("key", "attention.W_k"),
                ("value", "attention.W_v"),
                ("out", "attention.W_out"),
                ("enter", "ffn.linear1"),
                ("leave", "ffn.linear2"),
            ] {
                let weight = transposed(get(&format!("{theirs}.{their}.weight")));
                add(&format!("{ours}.{our}.weight"), weight);
                add(&format!("{ours}.{our}.bias"), get(&format!("{theirs}.{their}.bias")));
            }
            for (our, their) in
                [("feed_norm", "ffn_normalization"), ("attention_norm", "attention_normalization")]
            {
                if block > 0 || our == "feed_norm" {
                    add(&format!("{ours}.{our}.gain"), get(&format!("{theirs}.{their}.weight")));
                    add(&format!("{ours}.{our}.shift"), get(&format!("{theirs}.{their}.bias")));
                }
            }
        }
        add("norm.gain", get("backbone.output.normalization.weight"));
        add("norm.shift", get("backbone.output.normalization.bias"));
        add("output.weight", transposed(get("backbone.output.linear.weight")));
        add("output.bias", get("backbone.output.linear.bias"));
        all
    }

    #[test]
    fn it_answers_and_learns_as_the_package() {
        let fixture = Fixture::read(include_str!("fixtures/fttransformer.json"));
        let spec = serde_json::from_value(serde_json::json!({
            "blocks": 2, "width": 8, "heads": 2, "feed_forward": 10,
            "attention_dropout": 0.0, "dropout": 0.0
        }))
        .unwrap();
        let number = |input| Group::Number { input, edges: Vec::new() };
        let mut groups: Vec<Group> = (0..3).map(number).collect();
        groups.push(Group::Category(3..7));
        let device = Default::default();
        let mut builder = Builder::<Tracked>::zeros(&device);
        let empty = Transformer::new(&spec, &Layout::Table(groups), 1, &mut builder);
        let network = loaded(empty, &parts(&fixture, "parameters"));

        let numeric = fixture.tensor("numeric", "").values;
        let categories = fixture.0["category"].as_array().unwrap();
        let inputs: Vec<f32> = numeric
            .chunks(3)
            .zip(categories)
            .flat_map(|(numbers, category)| {
                let category = category.as_u64().unwrap();
                let one_hot = (0..4).map(move |level| f32::from(u8::from(level == category)));
                numbers.iter().copied().chain(one_hot)
            })
            .collect();
        let logits = network.forward(rows(inputs, 7), None);
        let expected = fixture.tensor("outputs", "").values;
        assert_near("outputs", &values(logits.clone()), &expected, 1e-5);

        let targets = fixture.0["targets"].as_array().unwrap().iter();
        let targets: Vec<f32> = targets.map(|v| v.as_u64().unwrap() as f32).collect();
        let loss_spec = LossSpec::default();
        let loss = Loss { task: Task::Binary, spec: &loss_spec, levels: &[] };
        let loss = batch_loss(loss, logits, rows(targets, 1), None);
        let found = gradients(&network, &loss);
        let expected = parts(&fixture, "gradients");
        assert_eq!(found.len(), expected.len());
        for (name, expected) in expected {
            assert_near(&name, &found[&name].values, &expected.values, 1e-5);
        }
    }
}
