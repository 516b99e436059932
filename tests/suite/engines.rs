//! One test for each engine that a bank can be stored in: SQLite, MariaDB, PostgreSQL.

/// Makes a module of that name with one test for each engine, `on_sqlite` and so on. They call the function of
/// that name with a new [`Database`](atm_tests::servers::Database).
macro_rules! on_each_engine {
    ($($check:ident),+ $(,)?) => { $(mod $check {
        use atm_tests::servers::Engine;

        async fn on(engine: Engine) {
            let database = tokio::task::block_in_place(|| engine.database());
            if let Some(database) = database {
                super::$check(&database).await;
            }
        }

        #[tokio::test(flavor = "multi_thread")]
        async fn on_sqlite() {
            on(Engine::Sqlite).await;
        }

        #[tokio::test(flavor = "multi_thread")]
        async fn on_mariadb() {
            on(Engine::MariaDb).await;
        }

        #[tokio::test(flavor = "multi_thread")]
        async fn on_postgresql() {
            on(Engine::PostgreSql).await;
        }
    })+ };
}

pub(crate) use on_each_engine;
