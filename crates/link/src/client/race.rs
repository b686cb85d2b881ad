//! Two ways to the same end: the second starts when the first is slow or has failed.
//!
//! In: two futures and a head start. Out: the first success; the other is dropped.
//! Bound: the time limits of the futures.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

/// Who came first.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome<T, E> {
    First(T),
    Second(T),
    Neither(E, E),
}

/// Runs `first`, and `second` beside it after `head_start` or when `first` has failed.
pub(crate) async fn race<T, E>(
    first: impl Future<Output = Result<T, E>>,
    second: impl Future<Output = Result<T, E>>,
    head_start: Duration,
) -> Outcome<T, E> {
    let mut first = pin!(first);
    let mut second = pin!(second);
    let failed = tokio::select! {
        biased;
        result = &mut first => match result {
            Ok(won) => return Outcome::First(won),
            Err(failed) => Some(failed),
        },
        () = tokio::time::sleep(head_start) => None,
    };
    if let Some(first) = failed {
        return match second.await {
            Ok(won) => Outcome::Second(won),
            Err(second) => Outcome::Neither(first, second),
        };
    }
    tokio::select! {
        biased;
        result = &mut first => match result {
            Ok(won) => Outcome::First(won),
            Err(first) => match second.await {
                Ok(won) => Outcome::Second(won),
                Err(second) => Outcome::Neither(first, second),
            },
        },
        result = &mut second => match result {
            Ok(won) => Outcome::Second(won),
            Err(second) => match first.await {
                Ok(won) => Outcome::First(won),
                Err(first) => Outcome::Neither(first, second),
            },
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn after(ms: u64, result: Result<&str, &str>) -> Result<String, String> {
        tokio::time::sleep(Duration::from_millis(ms)).await;
        result.map(str::to_owned).map_err(str::to_owned)
    }

    async fn check(
        first: (u64, Result<&str, &str>),
        second: (u64, Result<&str, &str>),
        expected: Outcome<&str, &str>,
        expected_ms: u64,
    ) {
        let started = tokio::time::Instant::now();
        let outcome = race(
            after(first.0, first.1),
            after(second.0, second.1),
            Duration::from_millis(300),
        )
        .await;
        let expected = match expected {
            Outcome::First(won) => Outcome::First(won.to_owned()),
            Outcome::Second(won) => Outcome::Second(won.to_owned()),
            Outcome::Neither(a, b) => Outcome::Neither(a.to_owned(), b.to_owned()),
        };
        assert_eq!(outcome, expected);
        let took = started.elapsed().as_millis();
        assert!(
            took.abs_diff(u128::from(expected_ms)) <= 2,
            "took {took} ms"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_to_succeed_wins_and_the_second_starts_late() {
        check((100, Ok("q")), (0, Ok("g")), Outcome::First("q"), 100).await;
        check((350, Ok("q")), (100, Ok("g")), Outcome::First("q"), 350).await;
        check((5000, Ok("q")), (10, Ok("g")), Outcome::Second("g"), 310).await;
        check((50, Err("x")), (10, Ok("g")), Outcome::Second("g"), 60).await;
        check((350, Err("x")), (100, Ok("g")), Outcome::Second("g"), 400).await;
        check((900, Ok("q")), (10, Err("y")), Outcome::First("q"), 900).await;
        check(
            (50, Err("x")),
            (10, Err("y")),
            Outcome::Neither("x", "y"),
            60,
        )
        .await;
        check(
            (400, Err("x")),
            (10, Err("y")),
            Outcome::Neither("x", "y"),
            400,
        )
        .await;
        check(
            (350, Err("x")),
            (100, Err("y")),
            Outcome::Neither("x", "y"),
            400,
        )
        .await;
    }
}
