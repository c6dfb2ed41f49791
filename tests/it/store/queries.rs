//! The committed descriptions of queries are those of the schema, and what is only ever added to
//! refuses everything else.

use std::path::Path;

use serde_json::Value;
use sqlx::{AssertSqlSafe, Executor, PgPool, SqlSafeStr};

use crate::support::database;

/// A query as `.sqlx/` describes it; the program was compiled by that.
fn described(path: &Path) -> (String, Value) {
    let text = std::fs::read_to_string(path).unwrap();
    let mut file: Value = serde_json::from_str(&text).unwrap();
    let Value::String(query) = file["query"].take() else { panic!("{}", path.display()) };
    (query, file["describe"].take())
}

#[tokio::test]
async fn every_query_is_described_as_the_migrated_database_describes_it() {
    let database = database().await;
    let mut connection = database.pool.acquire().await.unwrap();
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(".sqlx");
    let mut count = 0;
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let (query, committed) = described(&path);
        let found = connection.describe(AssertSqlSafe(query.clone()).into_sql_str()).await;
        let found = found.unwrap_or_else(|error| panic!("{error}\n{query}"));
        let found = serde_json::to_value(&found).unwrap();
        assert_eq!(found, committed, "write .sqlx anew ('just prepare'): {query}");
        count += 1;
    }
    assert!(count > 50, "{count} queries");
}

async fn refusal(pool: &PgPool, statement: String) -> String {
    let outcome = sqlx::query(AssertSqlSafe(statement.clone())).execute(pool).await;
    outcome.map(|_| statement).unwrap_err().to_string()
}

#[tokio::test]
async fn histories_and_records_are_only_ever_added_to() {
    let database = database().await;
    let pool = &database.pool;
    // As one connection, without the rows that these refer to.
    let rows = "SET session_replication_role = replica;
        INSERT INTO alias_move (model, alias, revision, version, moved_at, moved_by)
            VALUES (1, 'champion', 1, 1, now(), '00000000-0000-0000-0000-000000000001');
        INSERT INTO prediction (id, project, key, model, version, rows, predictions)
            VALUES ('00000000-0000-0000-0000-000000000002', 'default',
                '00000000-0000-0000-0000-000000000001', 1, 1, '[]', '[]');
        INSERT INTO prediction_reference (model, version, key, project)
            VALUES (1, 1, '00000000-0000-0000-0000-000000000001', 'default');
        INSERT INTO policy_version (policy, version, terms, created_by)
            VALUES (1, 1, '{}', '00000000-0000-0000-0000-000000000001');
        INSERT INTO assessment (id, project, key, policy, policy_version, model, version, rows,
                assessments)
            VALUES ('00000000-0000-0000-0000-000000000003', 'default',
                '00000000-0000-0000-0000-000000000001', 1, 1, 1, 1, '[]', '[]');
        RESET session_replication_role";
    sqlx::raw_sql(rows).execute(pool).await.unwrap();
    for (table, column) in [
        ("alias_move", "reason"),
        ("prediction", "threshold"),
        ("prediction_reference", "project"),
        ("policy_version", "terms"),
        ("assessment", "basis"),
    ] {
        for statement in [
            format!("UPDATE {table} SET {column} = NULL"),
            format!("UPDATE {table} SET {column} = NULL WHERE false"),
            format!("DELETE FROM {table}"),
            format!("TRUNCATE {table} CASCADE"),
            "TRUNCATE project CASCADE".to_owned(),
            "TRUNCATE model CASCADE".to_owned(),
        ] {
            let refused = refusal(pool, statement.clone()).await;
            assert!(refused.contains("is only ever added to"), "{statement}: {refused}");
        }
        let count = format!("SELECT count(*) FROM {table}");
        let left: i64 = sqlx::query_scalar(AssertSqlSafe(count)).fetch_one(pool).await.unwrap();
        assert_eq!(left, 1, "{table}");
    }
}
