//! Credit policies, decisions on applicants and loan books, expected losses.

use super::{Function, LIMIT, NONE, Parameter, needed, optional};

const POLICY: Parameter = needed("policy", "a policy, or its name: \"consumer\", \"consumer 2\"");
const VERSION: Parameter = optional("version", NONE, "number of the policy's version; the newest");
const DETACH: Parameter = optional("detach", "False", "give the job at once instead of waiting");

pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        name: "policy",
        summary: "a credit policy: how a model's answers become decisions on loans",
        parameters: &[
            needed("name", "its name, or \"consumer 2\""),
            optional(
                "terms",
                NONE,
                "a dict with model, cut_offs, and as wanted version, scale, columns, rules, pricing, \
                limit, reasons, changeable: kept as the next version",
            ),
            VERSION,
        ],
        notes: "cut_offs are {\"unit\": \"points\", \"approve\": 560, \"decline\": 520}, or of unit \
                probability: between the two a person decides. A rule is a dict with id, text, outcome \
                (decline, refer) and when: {\"column\": \"age\", \"is\": \"<\", \"value\": 18}, of a ratio \
                with over. What does not hold is named at once; /docs says more.",
        example: "lender = policy(\"consumer\", {\"model\": \"default\", \"cut_offs\": {\"unit\": \
                  \"probability\", \"approve\": 0.35, \"decline\": 0.5}, \"rules\": [{\"id\": \"AGE\", \
                  \"text\": \"You are under 22.\", \"outcome\": \"decline\", \"when\": {\"column\": \
                  \"age\", \"is\": \"<\", \"value\": 22}}], \"pricing\": {\"amount\": \"income\", \
                  \"loss_given_default\": 0.45, \"funding\": 0.03, \"margin\": 0.02, \"most_rate\": \
                  0.3}, \"changeable\": {\"income\": {\"max\": 90000}}})\nlender",
    },
    Function {
        name: "policies",
        summary: "the credit policies that there are",
        parameters: &[LIMIT],
        notes: "A list of the newest version of each.",
        example: "policies()[0].terms[\"model\"]",
    },
    Function {
        name: "assess",
        summary: "decide on applicants by a credit policy",
        parameters: &[
            POLICY,
            needed("rows", "as predict() takes them, with the columns that the policy names"),
            optional("outcome", NONE, "the column that says who defaulted, for plots"),
            optional("record", "False", "keep the answer, at most 1,000 rows; its id is a.id"),
            optional("counterfactuals", "False", "what would change decisions; at most 100 rows"),
            VERSION,
        ],
        notes: "Decision, points, probability of default, expected loss, limit, rate, and at most four \
                reasons. a.outcomes, a.points, a.pds and a.letters are lists, one value for each row; \
                a.plot() draws the distribution of points, a.plot(\"gain\") how many defaults are among \
                those with the fewest.",
        example: "decided = assess(lender, loans, outcome=\"default\")\nprint(decided); \
                  decided.plot(\"gain\")\nassess(lender, loans.head(3), counterfactuals=True)",
    },
    Function {
        name: "assess_book",
        summary: "assess a whole dataset; what is found is a dataset too",
        parameters: &[
            POLICY,
            needed("data", "a dataset, its name, a frame or a file"),
            needed("into", "name of the dataset that gets all columns and what is found"),
            optional("prefix", "\"\"", "what the new columns' names begin with"),
            optional(
                "staging",
                NONE,
                "columns for IFRS 9: {\"days_past_due\": ..., \"remaining_months\": ..., \
                \"effective_rate\": 0.08}, origination_pd",
            ),
            VERSION,
            DETACH,
        ],
        notes: "b.summary has counts, sums and the distribution of points; b.plot() draws that. \
                frame(\"NAME\") loads the rows.",
        example: "lender.assess_book(loans, \"decided\").plot()",
    },
    Function {
        name: "expected_losses",
        summary: "stage and expected loss of loans (IFRS 9), illustrative",
        parameters: &[
            needed(
                "loans",
                "a list of dicts, or a frame: pd or pd_by_year, loss_given_default, drawn, \
                remaining_months, effective_rate, and as known id, undrawn, credit_conversion, \
                days_past_due, origination_pd, amortisation (annuity, linear, bullet)",
            ),
            optional("scenarios", NONE, "dicts with name, weight, pd_factor, loss_factor"),
            optional("rules", NONE, "a dict with significant_days, impaired_days, ratio, increase"),
        ],
        notes: "Stage 1 by default in twelve months, 2 and 3 over the whole term. l.loans, l.stages and \
                l.provision. Not an accounting opinion.",
        example: "expected_losses([{\"pd\": 0.02, \"loss_given_default\": 0.45, \"drawn\": 10000, \
                  \"remaining_months\": 36, \"effective_rate\": 0.08}])",
    },
    Function {
        name: "infer_rejects",
        summary: "draw outcomes for refused applicants: an assumption, off unless asked",
        parameters: &[
            needed("data", "a dataset, its name, a frame or a file: no outcome is a refusal"),
            needed("model", "a version, a model, or a model's name, trained on the accepted"),
            needed("into", "name of the dataset that gets all rows with an outcome"),
            needed("factor", "how many times as often the refused default at the same score"),
            optional("bands", "10", "bands of the score, 2 to 100, 20 accepted in each"),
            optional("seed", "0", "same seed, same outcomes"),
            optional("version", NONE, "a number or an alias; 'champion' when absent"),
            optional("adverse", NONE, "the class of those who don't pay; the positive one"),
            DETACH,
        ],
        notes: "Parcelling. The column inferred says what was drawn: leave it out of a training, and \
                measure nothing on such rows. No data tells whether the factor holds.",
        example: "everyone = frame(\"loans\"); half = sql('SELECT income, age, zip, region, CASE WHEN income % 10 > 1 THEN \
                  \"default\" END AS \"default\" FROM everyone')\n\
                  infer_rejects(half, \"default\", \"inferred\", 1.5, bands=5)",
    },
];
