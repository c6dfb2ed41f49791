//! A job is queued by the transaction that keeps the answer to its Idempotency-Key.

use actuary::domain::dataset::DataFormat;
use actuary::domain::job::Job;
use actuary::error::{Code, Result};
use actuary::service::Idempotency;

use super::{Bench, DATASET};

fn once() -> Idempotency {
    Idempotency { key: "one".into(), fingerprint: [1; 32] }
}

async fn upload(bench: &Bench, body: &str) -> Result<Job> {
    let begun =
        bench.service.begin_upload(&bench.operator, DATASET, DataFormat::Csv, Vec::new()).await;
    let mut upload = begun.unwrap();
    upload.write(body.as_bytes()).await.unwrap();
    upload.finish(Some(&once())).await
}

async fn count(bench: &Bench, table: &'static str) -> i64 {
    let count = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
    sqlx::query_scalar(count).fetch_one(&bench.database.pool).await.unwrap()
}

async fn execute(bench: &Bench, statement: &'static str) {
    sqlx::raw_sql(statement).execute(&bench.database.pool).await.unwrap();
}

#[tokio::test]
async fn a_job_and_the_answer_to_its_key_are_one_transaction() {
    let bench = Bench::new("enqueue").await;
    let job = upload(&bench, "a,b\n1,2\n").await.unwrap();
    let same: bool = sqlx::query_scalar("SELECT j.xmin = i.xmin FROM job j, idempotency i")
        .fetch_one(&bench.database.pool)
        .await
        .unwrap();
    assert!(same, "both rows are of one transaction");

    let again = upload(&bench, "a,b\n1,2\n").await.unwrap();
    assert_eq!(again, job, "the same answer");
    let other = upload(&bench, "a,b\n3,4\n").await.unwrap_err();
    assert_eq!(other.code(), Code::IdempotencyMismatch);
    assert_eq!(count(&bench, "job").await, 1);
}

#[tokio::test]
async fn neither_is_there_when_the_other_can_not_be_written() {
    let bench = Bench::new("enqueue-fails").await;
    execute(
        &bench,
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'no'; END $$",
    )
    .await;
    for create in [
        "CREATE TRIGGER refuse BEFORE INSERT ON idempotency EXECUTE FUNCTION refuse()",
        "CREATE TRIGGER refuse BEFORE INSERT ON job EXECUTE FUNCTION refuse()",
        "CREATE TRIGGER refuse BEFORE INSERT ON job_event EXECUTE FUNCTION refuse()",
    ] {
        execute(&bench, create).await;
        upload(&bench, "a,b\n1,2\n").await.unwrap_err();
        for table in ["idempotency", "job", "job_event"] {
            assert_eq!(count(&bench, table).await, 0, "{table} after: {create}");
        }
        execute(
            &bench,
            "DROP TRIGGER IF EXISTS refuse ON idempotency;
            DROP TRIGGER IF EXISTS refuse ON job; DROP TRIGGER IF EXISTS refuse ON job_event",
        )
        .await;
    }
    upload(&bench, "a,b\n1,2\n").await.unwrap();
    assert_eq!((count(&bench, "job").await, count(&bench, "idempotency").await), (1, 1));
}
