//! Examples of scorecards.

use serde_json::{Value, json};

pub(in crate::http) fn scorecard() -> Value {
    json!({
        "model": "default-risk", "version": 5, "adverse_class": "1", "favourable_class": "0",
        "points": 600.0, "points_to_double": 20.0, "odds": 50.0, "rounded": true,
        "intercept": -1.27, "intercept_error": 0.02, "base_points": 523.77,
        "least_score": 498.0, "greatest_score": 546.0, "favourable_rows": 14_940, "adverse_rows": 4_260,
        "columns": [
            {
                "column": "income", "iv": 0.1841, "strength": "medium", "coefficient": -0.93,
                "standard_error": 0.04, "trend": "falling",
                "bins": [
                    {"label": "below 15000", "below": 15000.0, "rows": 5_110, "adverse_rate": 0.3501,
                     "woe": -0.6362, "points": 245.0},
                    {"label": "15000 or more", "from": 15000.0, "rows": 14_000, "adverse_rate": 0.1751,
                     "woe": 0.2953, "points": 270.0},
                    {"label": "missing", "is_missing": true, "rows": 90, "adverse_rate": 0.2222,
                     "woe": -0.002, "points": 262.0}
                ]
            },
            {
                "column": "home", "iv": 0.1828, "strength": "medium", "coefficient": -0.88,
                "standard_error": 0.06, "trend": "free",
                "bins": [
                    {"label": "own", "categories": ["own"], "rows": 8_300, "adverse_rate": 0.14,
                     "woe": 0.5605, "points": 276.0},
                    {"label": "rent, other", "categories": ["other", "rent"], "rows": 10_900,
                     "adverse_rate": 0.2842, "woe": -0.3311, "points": 253.0},
                    {"label": "any other", "is_rare": true, "rows": 0, "woe": 0.0, "points": 262.0},
                    {"label": "missing", "is_missing": true, "rows": 0, "woe": 0.0, "points": 262.0}
                ]
            }
        ],
        "left_out": ["age"]
    })
}

pub(in crate::http) fn scorecard_csv() -> &'static str {
    "column,iv,strength,coefficient,standard_error,bin,from,below,categories,is_rare,is_missing,rows,\
     adverse_class,adverse_rate,woe,points\n\
     income,0.1841,medium,-0.93,0.04,below 15000,,15000,,false,false,5110,1,0.3501,-0.6362,245\n"
}

pub(in crate::http) fn binning_request() -> Value {
    json!({
        "dataset": {"name": "loans"}, "target": "default", "columns": ["home", "income", "customer"],
        "bins": 4, "trends": {"income": "falling"}
    })
}

pub(in crate::http) fn binning() -> Value {
    json!({
        "dataset": {"name": "loans", "version": 1}, "target": "default", "adverse_class": "1",
        "favourable_class": "0", "rows": 10_000, "adverse_rows": 2_000,
        "columns": [
            {
                "column": "income", "iv": 0.2627, "strength": "medium", "trend": "falling",
                "bins": [
                    {"label": "below 15000", "below": 15000.0, "rows": 2_500, "adverse_rows": 875,
                     "adverse_rate": 0.35, "woe": -0.7673, "iv": 0.1798},
                    {"label": "15000 or more", "from": 15000.0, "rows": 7_400, "adverse_rows": 1_105,
                     "adverse_rate": 0.1493, "woe": 0.3536, "iv": 0.0829},
                    {"label": "missing", "is_missing": true, "rows": 100, "adverse_rows": 20,
                     "adverse_rate": 0.2, "woe": 0.0, "iv": 0.0}
                ]
            },
            {
                "column": "home", "iv": 0.0994, "strength": "weak", "trend": "free",
                "bins": [
                    {"label": "own", "categories": ["own"], "rows": 5_000, "adverse_rows": 750,
                     "adverse_rate": 0.15, "woe": 0.3483, "iv": 0.0544},
                    {"label": "rent, other", "categories": ["other", "rent"], "rows": 5_000,
                     "adverse_rows": 1_250, "adverse_rate": 0.25, "woe": -0.2877, "iv": 0.0450},
                    {"label": "any other", "is_rare": true, "rows": 0, "adverse_rows": 0, "woe": 0.0, "iv": 0.0},
                    {"label": "missing", "is_missing": true, "rows": 0, "adverse_rows": 0, "woe": 0.0, "iv": 0.0}
                ]
            }
        ],
        "left_out": [{"column": "customer", "reason": "nearly every row has another text (10000 in 10000 \
            rows), as an identifier has"}],
        "warnings": []
    })
}
