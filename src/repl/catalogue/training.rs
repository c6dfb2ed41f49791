//! What makes a version.

use super::{Function, NONE, Parameter, needed, optional};

pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        name: "advise",
        summary: "what to train on a dataset, what it takes, and why",
        parameters: &[
            DATASET,
            optional("target", NONE, "the column to predict; found where a purpose is named"),
            optional("purpose", NONE, "'lending', 'risk', 'investing' or 'forecasting'"),
            optional("task", NONE, "'binary', 'multiclass', 'regression' or 'forecast'"),
            optional("time", NONE, "the column that orders the rows"),
            optional("entity", NONE, "the column that says which series a row is of"),
            optional("horizon", "1", "rows ahead, where a series is forecast"),
            optional("exclude", NONE, "columns that are not to be read"),
            optional("minutes", "10", "that the training may take"),
        ],
        notes: "Measures each network on rows of the dataset for a few seconds. a.spec is what \
                train takes; a.reasons and a.warnings say why, a.alternatives what else there is, \
                a.services which service suits the data and what they lack for it.",
        example: "a = advise(loans, \"default\"); a.network; a.services[0][\"path\"]",
    },
    Function {
        name: "train",
        summary: "a new version of a model",
        parameters: &[
            DATASET,
            optional("target", NONE, "the column to predict; needed where spec names none"),
            optional("model", NONE, "the model's name; the target's when absent"),
            optional(
                "features",
                NONE,
                "the columns to predict from; all but the target when absent",
            ),
            optional("exclude", NONE, "columns to leave out, when features is absent"),
            optional(
                "task",
                NONE,
                "'binary', 'multiclass', 'regression' or 'forecast'; inferred when absent",
            ),
            optional(
                "positive_class",
                NONE,
                "the class whose probability is the score; as before, else 1, true, yes, else the rarer",
            ),
            optional(
                "monotone",
                NONE,
                "columns with which the answer goes one way only: {'income': 'decreasing'}; the \
                network is then 'monotone', or 'linear' where that is named",
            ),
            optional(
                "network",
                NONE,
                "'tabm' (default), 'mlp', 'linear', 'transformer', or a dict: {'kind': 'mlp', \
                'hidden': [64, 32], 'dropout': 0.2}; for a text 'text_cnn' (default where the one \
                feature is free text), 'text_attention'; with a window 'nlinear' (default of \
                forecasts), 'dlinear', 'lstm', 'attention'",
            ),
            optional(
                "optimiser",
                NONE,
                "'adamw' (default), 'adam', 'sgd', 'rmsprop', or a dict: {'kind': \
                'adam', 'learning_rate': 0.01}",
            ),
            optional(
                "schedule",
                NONE,
                "how the learning rate moves: 'cosine' (default), 'one_cycle', 'constant', or a \
                dict: {'kind': 'step', 'epochs': 10, 'factor': 0.3}",
            ),
            optional("gradient_clip", NONE, "longest gradient of a step; 0 never shortens it"),
            optional("average", NONE, "serves a running mean of the weights: 0.999, say"),
            optional(
                "loss",
                NONE,
                "label smoothing, or a dict: {'focal_gamma': 2}, {'label_smoothing': 0.1}",
            ),
            optional(
                "monitor",
                NONE,
                "what decides which epoch is best: 'loss' (default), 'auc', 'accuracy', \
                'macro_f1', 'r2'",
            ),
            optional(
                "divergence",
                NONE,
                "'keep_best' serves the best epoch before a training diverges; it fails when absent",
            ),
            optional(
                "ensemble",
                NONE,
                "folds of a cross-fitting whose networks are averaged, or a dict: {'folds': 5, \
                'seeds': 2}",
            ),
            optional("baselines", "True", "False trains no simpler networks beside it"),
            optional(
                "refit",
                NONE,
                "True trains once more at the end, on the validation rows too; by default where \
                rows are parted by time",
            ),
            optional("accumulation", NONE, "slices into which a step is cut, to save memory"),
            optional("epochs", NONE, "how often every training row is seen, at most"),
            optional("batch_size", NONE, "rows per step"),
            optional("seed", NONE, "same seed, data and build: same weights (CPU)"),
            optional("device", NONE, "'auto' (default), 'cpu' or 'cuda:N'"),
            optional(
                "precision",
                NONE,
                "'f32' (default), or 'bf16' for faster matrix products on a CUDA device",
            ),
            optional(
                "parts",
                NONE,
                "'random' (default) or a dict: {'by': 'time', 'column': \
                'month'}, {'by': 'column', 'column': 'part'}",
            ),
            optional(
                "window",
                NONE,
                "makes windows of series: the column of time, or a dict: {'time': 'date', \
                'entity': 'currency', 'look_back': 336, 'horizon': 24, 'quantiles': [0.1, 0.5, 0.9]}",
            ),
            optional("patience", NONE, "epochs without improvement before it stops; 0 never stops"),
            optional(
                "class_weights",
                NONE,
                "'none' (default), 'balanced', or a dict of class to \
                weight",
            ),
            optional(
                "preprocessing",
                NONE,
                "'quantile' (default), 'standard', or a dict: \
                {'scaling': 'standard', 'max_categories': 64, 'min_category_count': 5}, for \
                tables parted by time {'drift': 'keep'}, for images {'image': {'height': 32, \
                'width': 32, 'channels': 1}}, for texts {'text': {'max_words': 256, 'buckets': \
                131072}}",
            ),
            optional(
                "augmentation",
                NONE,
                "how training images are changed, a dict of some of {'shift': 2, 'rotate': 10, \
                'scale': 0.1, 'noise': 0.1, 'mixup': 0.2}",
            ),
            optional(
                "calibration",
                NONE,
                "of probabilities, on validation rows: 'auto' (default), 'none', 'temperature' or, of \
                 two classes, 'platt' or 'isotonic'",
            ),
            optional(
                "threshold",
                NONE,
                "'f1' (default), a number, or a dict: {'by': 'cost', \
                'false_positive': 1, 'false_negative': 5, 'true_positive': -0.5}, {'by': 'f_beta', \
                'beta': 2}, {'by': 'rate', 'rate': 0.2}, {'by': 'recall', 'at_least': 0.8}, {'by': \
                'precision', 'at_least': 0.5}",
            ),
            optional(
                "search",
                NONE,
                "searches for a better configuration first: True, minutes, or a dict: {'minutes': 5, \
                'trials': 27, 'space': {'/optimiser/learning_rate': {'by': 'log_uniform', 'low': \
                0.0003, 'high': 0.03}, '/network/hidden': {'by': 'choice', 'values': [[64], [128, \
                64]]}}}",
            ),
            optional(
                "start",
                NONE,
                "begins with the weights that a training had before it diverged: that job's id",
            ),
            DETACH,
            optional(
                "spec",
                NONE,
                "what the other arguments change: an advice, its a.spec, or a dict of a version's \
                provenance",
            ),
        ],
        notes: "Gives the version with its metrics on test rows. Ctrl-C cancels the job.",
        example: "m = train(loans, \"default\", network=\"linear\", epochs=3, seed=1)",
    },
    Function {
        name: "search",
        summary: "a new version, of the best of many configurations",
        parameters: &[
            DATASET,
            optional("target", NONE, "the column to predict; needed where spec names none"),
            optional("minutes", NONE, "how long it may take; 10 when absent"),
            optional("trials", NONE, "how many configurations, 9 to 729"),
            optional(
                "space",
                NONE,
                "what varies: {'/optimiser/learning_rate': {'by': 'log_uniform', 'low': 0.0003, \
                'high': 0.03}}; as suits the network when absent",
            ),
            optional("model", NONE, "the model's name; the target's when absent"),
            optional("network", NONE, "as train() takes it"),
            optional("epochs", NONE, "as train() takes it"),
            optional("seed", NONE, "as train() takes it"),
            DETACH,
            optional("spec", NONE, "what else is trained by, as train() takes it"),
        ],
        notes: "By asynchronous successive halving: most configurations are trained a little, the \
                best ones to their end. v.search has them all.",
        example: "s = search(loans, \"default\", trials=9, network=\"linear\", epochs=3, seed=1)",
    },
    Function {
        name: "prune",
        summary: "a new version of which a share of the weights is 0",
        parameters: &[
            MODEL,
            VERSION,
            optional("sparsity", "0.5", "the share of the layers' weights that become 0"),
            optional("epochs", NONE, "for how many the others are trained on; 3 when absent, or 0"),
            optional("learning_rate", NONE, "the parent's when absent"),
            DETACH,
        ],
        notes: SIMPLER,
        example: "prune(m, sparsity=0.3, epochs=1)",
    },
    Function {
        name: "distil",
        summary: "a new version of a smaller network that learnt a version's answers",
        parameters: &[
            MODEL,
            VERSION,
            optional(
                "network",
                NONE,
                "the student, 'mlp' or {'kind': 'mlp', 'hidden': [32]}; a smaller one of the \
                parent's kind, or a simpler kind, when absent",
            ),
            optional("temperature", "2.0", "the higher, the more unlikely classes tell"),
            optional("share", "0.5", "how much of the loss is the parent's"),
            optional("epochs", NONE, "as suits the student when absent"),
            DETACH,
        ],
        notes: SIMPLER,
        example: "t = train(loans, \"default\", network={\"kind\": \"mlp\", \"hidden\": [8]}, epochs=2, \
                  model=\"teacher\"); distil(t, network=\"linear\", epochs=2)",
    },
    Function {
        name: "quantise",
        summary: "a new version with 8 bits for each weight",
        parameters: &[MODEL, VERSION, DETACH],
        notes: SIMPLER,
        example: "quantise(m)",
    },
    Function {
        name: "plot",
        summary: "losses, epoch by epoch; what explanations, analyses and risks are",
        parameters: &[
            needed(
                "of",
                "a version, a training job, forecasts, a scorecard, explanations, activations, an analysis, \
                assessments, a loan book, or what risk(), backtest_risk(), credit_losses(), invest(), \
                walk_forward() and frontier() give",
            ),
            optional(
                "what",
                "\"losses\"",
                "of a version: losses, or reliability, how probabilities came true (of several classes \
                that of the one answered); of a dependence or a scorecard the column, of activations and units \
                the layer; of a risk methods, contributions or stress, of its backtest the method; of \
                invest() 'risk', of walk_forward() 'drawdown' or 'weights NAME'",
            ),
            optional(
                "row",
                NONE,
                "of explanations: one answer, from its base to its value, step by step",
            ),
        ],
        notes: "Of a job that runs, up to now.",
        example: "m.plot(what=\"reliability\")",
    },
    Function {
        name: "compare",
        summary: "versions side by side: metrics, sizes and losses",
        parameters: &[optional("*versions", "", "versions, or 'default 2'; 2 to 8 of them")],
        notes: "It says where they were tested on different rows.",
        example: "compare(m, s)",
    },
];

const DATASET: Parameter =
    needed("dataset", "a dataset, its name, or a frame, which is uploaded as MODEL-rows");
const MODEL: Parameter = needed("model", "a version, a model or a model's name");
const VERSION: Parameter =
    optional("version", NONE, "a number or an alias; the champion when absent");
const DETACH: Parameter = optional(
    "detach",
    "False",
    "True gives the job at once, which jobs() finds in a later session, too",
);
const SIMPLER: &str = "It is asked beside its parent for the same test rows, and timed beside it: \
                       v.simplification. It becomes the champion only by promote().";
