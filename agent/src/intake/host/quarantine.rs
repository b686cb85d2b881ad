//! Threads for reads that may hang, so that a tick never does.
//!
//! In: in each tick, the paths to be asked about. Out: for each the latest answer, which may be one
//! of an earlier tick, and since when an answer is owed.
//! Bound: the caller's deadline, and a number of threads: when all of them hang, the paths that are
//! left stay unanswered. A thread that hangs in the kernel cannot be ended; it ends by itself once
//! the kernel lets it go.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

type Work<T> = Arc<dyn Fn(&Path) -> T + Send + Sync>;

/// Asks about paths on threads of its own.
pub(super) struct Quarantine<T> {
    name: &'static str,
    threads_max: usize,
    work: Work<T>,
    shared: Arc<Shared<T>>,
}

/// What is known about a path.
#[derive(Debug)]
pub(super) struct Answer<'a, T> {
    /// The latest answer, if there was ever one.
    pub value: Option<&'a T>,
    /// For how long the present question has been open; nothing when it was answered.
    pub owed: Option<Duration>,
}

struct Shared<T> {
    board: Mutex<Board<T>>,
    asked: Condvar,
    answered: Condvar,
}

struct Board<T> {
    questions: BTreeMap<PathBuf, Question<T>>,
    threads: usize,
    idle: usize,
    closed: bool,
}

struct Question<T> {
    state: QuestionState,
    /// When the present question was put.
    put: Instant,
    value: Option<T>,
    /// Whether the last round asked about it.
    wanted: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum QuestionState {
    Open,
    InWork,
    Answered,
}

impl<T: Send + 'static> Quarantine<T> {
    /// Returns a quarantine without threads; they start with the first question.
    pub(super) fn new(
        name: &'static str,
        threads_max: usize,
        work: impl Fn(&Path) -> T + Send + Sync + 'static,
    ) -> Quarantine<T> {
        let board = Board {
            questions: BTreeMap::new(),
            threads: 0,
            idle: 0,
            closed: false,
        };
        Quarantine {
            name,
            threads_max,
            work: Arc::new(work),
            shared: Arc::new(Shared {
                board: Mutex::new(board),
                asked: Condvar::new(),
                answered: Condvar::new(),
            }),
        }
    }

    /// Asks about `paths`, waits until all are answered or `deadline` is over, and tells what is
    /// known about each, in their order.
    pub(super) fn ask(
        &self,
        paths: &[PathBuf],
        deadline: Duration,
        mut tell: impl FnMut(usize, Answer<'_, T>),
    ) {
        let begun = Instant::now();
        let mut board = self.shared.lock();
        board.put(paths, begun);
        self.start_threads(&mut board);
        self.shared.asked.notify_all();
        while board.unanswered() > 0 {
            let Some(left) = deadline.checked_sub(begun.elapsed()) else {
                break;
            };
            let waited = self.shared.answered.wait_timeout(board, left);
            board = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        for (at, path) in paths.iter().enumerate() {
            let question = board
                .questions
                .get(path)
                .expect("every path was put on the board");
            let owed = question.state != QuestionState::Answered;
            let answer = Answer {
                value: question.value.as_ref(),
                owed: owed.then(|| question.put.elapsed()),
            };
            tell(at, answer);
        }
    }

    /// Starts a thread when none is idle and questions are open: all others are in work or hang.
    fn start_threads(&self, board: &mut Board<T>) {
        if board.idle > 0 || board.threads >= self.threads_max || !board.has_open() {
            return;
        }
        let (shared, work) = (Arc::clone(&self.shared), Arc::clone(&self.work));
        let thread = thread::Builder::new()
            .name(self.name.to_owned())
            .stack_size(128 * 1024);
        match thread.spawn(move || answer_until_closed(&shared, &work)) {
            Ok(_) => board.threads += 1,
            Err(error) => tracing::warn!(%error, thread = self.name, "cannot start a thread"),
        }
    }
}

impl<T> Drop for Quarantine<T> {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.asked.notify_all();
    }
}

impl<T> std::fmt::Debug for Quarantine<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Quarantine")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, Board<T>> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Board<T> {
    fn put(&mut self, paths: &[PathBuf], now: Instant) {
        self.questions
            .values_mut()
            .for_each(|question| question.wanted = false);
        for path in paths {
            match self.questions.get_mut(path) {
                Some(question) => {
                    question.wanted = true;
                    if question.state == QuestionState::Answered {
                        (question.state, question.put) = (QuestionState::Open, now);
                    }
                }
                None => {
                    let question = Question {
                        state: QuestionState::Open,
                        put: now,
                        value: None,
                        wanted: true,
                    };
                    self.questions.insert(path.clone(), question);
                }
            }
        }
        let in_work = |question: &Question<T>| question.state == QuestionState::InWork;
        self.questions
            .retain(|_, question| question.wanted || in_work(question));
    }

    fn unanswered(&self) -> usize {
        let owed =
            |question: &&Question<T>| question.wanted && question.state != QuestionState::Answered;
        self.questions.values().filter(owed).count()
    }

    fn has_open(&self) -> bool {
        self.questions
            .values()
            .any(|question| question.state == QuestionState::Open)
    }

    fn take_open(&mut self) -> Option<PathBuf> {
        let open =
            |(_, question): &(&PathBuf, &mut Question<T>)| question.state == QuestionState::Open;
        let (path, question) = self.questions.iter_mut().find(open)?;
        question.state = QuestionState::InWork;
        Some(path.clone())
    }
}

fn answer_until_closed<T>(shared: &Shared<T>, work: &Work<T>) {
    let mut board = shared.lock();
    while !board.closed {
        let Some(path) = board.take_open() else {
            board.idle += 1;
            board = shared
                .asked
                .wait(board)
                .unwrap_or_else(PoisonError::into_inner);
            board.idle -= 1;
            continue;
        };
        drop(board);
        let value = work(&path);
        board = shared.lock();
        if let Some(question) = board.questions.get_mut(&path) {
            question.state = QuestionState::Answered;
            question.value = Some(value);
        }
        shared.answered.notify_all();
    }
    board.threads -= 1;
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_path_that_hangs_holds_up_neither_the_tick_nor_the_others() {
        let (release, gate) = mpsc::channel::<()>();
        let gate = Mutex::new(gate);
        let quarantine = Quarantine::new("test", 2, move |path: &Path| {
            if path.ends_with("hung") {
                let _ = gate.lock().unwrap().recv();
            }
            path.to_owned()
        });
        let paths: Vec<PathBuf> = ["hung", "well"].map(PathBuf::from).to_vec();
        let ask = |deadline_ms| {
            let mut told = Vec::new();
            quarantine.ask(&paths, Duration::from_millis(deadline_ms), |_, answer| {
                told.push((answer.value.is_some(), answer.owed.is_some()));
            });
            told
        };
        // The only thread may hang first: the next round starts another one.
        ask(50);
        assert_eq!(ask(200), [(false, true), (true, false)]);
        release.send(()).unwrap();
        drop(release);
        assert_eq!(ask(5000), [(true, false), (true, false)]);
    }

    #[test]
    fn no_more_threads_hang_than_the_bound() {
        let quarantine = Quarantine::new("test", 2, |_: &Path| thread::park());
        let paths: Vec<PathBuf> = (0..5).map(|n| PathBuf::from(format!("{n}"))).collect();
        for _ in 0..4 {
            quarantine.ask(&paths, Duration::from_millis(1), |_, answer| {
                assert!(answer.owed.is_some());
            });
        }
        assert_eq!(quarantine.shared.lock().threads, 2);
    }
}
