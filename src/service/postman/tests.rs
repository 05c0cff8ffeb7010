//! The postman over an outbox in memory: against the scripted relay, and against a mailer that says what it is told.

mod doubles;

use std::sync::Mutex;

use self::doubles::{Broken, Fake, Memory};
use super::*;
use crate::clock::SystemClock;
use crate::mail::test_relay::{Act, Moment, Setup, SmtpServer};
use crate::mail::{SmtpMailer, SmtpSettings, Tls};

const T0: WallTime = WallTime::from_secs(1_795_237_407);
const A: &str = "a@example.lg.jp";
const B: &str = "b@example.lg.jp";

fn sent() -> Delivery {
    Delivery::Sent("250 ok".into())
}

fn down() -> Delivery {
    Delivery::Blocked {
        by: Obstacle::Session,
        why: "connection refused".into(),
    }
}

fn later() -> Delivery {
    Delivery::Transient("451 greylisted".into())
}

fn relay_at(port: u16) -> SmtpMailer {
    let settings = SmtpSettings {
        host: "127.0.0.1".into(),
        port,
        tls: Tls::None,
        ca_file: None,
        user: None,
        password_file: None,
        timeout: Duration::from_secs(20),
    };
    SmtpMailer::new("sekimori@example.lg.jp", &settings).unwrap()
}

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

#[test]
fn pauses_grow_to_half_an_hour_and_end_after_five_days() {
    let at = |delivery: &Delivery, attempts, refused_for| match after(delivery, attempts, refused_for, T0) {
        Settled::Retry { at, blocked, .. } => (at.since(T0).as_secs(), blocked),
        other => panic!("{other:?}"),
    };
    let mut refused_for = 0;
    for pause in [10, 30, 60, 120, 300, 600, 1200, 1800, 1800, 1800] {
        assert_eq!(
            at(&later(), 1, secs(refused_for)),
            (pause, false),
            "after {refused_for} s"
        );
        refused_for += pause;
    }
    let five_days = 5 * 24 * 3600;
    assert_eq!(at(&later(), 300, secs(five_days - 1)), (1800, false));
    let Settled::Dead { why } = after(&later(), 300, secs(five_days), T0) else {
        panic!()
    };
    assert_eq!(why, "gave up after 5 days: 451 greylisted");

    for (attempts, pause) in [(1, 10), (2, 30), (3, 60), (4, 60), (10_000, 60)] {
        assert_eq!(
            at(&down(), attempts, secs(five_days * 2)),
            (pause, true),
            "a relay that is away ends no mail"
        );
    }
    let locked = Delivery::Blocked {
        by: Obstacle::Login,
        why: "535".into(),
    };
    for (attempts, pause) in [(1, 300), (2, 1800), (50, 1800)] {
        assert_eq!(
            at(&locked, attempts, Duration::ZERO),
            (pause, true),
            "no storm of failed logins"
        );
    }
    assert_eq!(
        after(&sent(), 1, Duration::ZERO, T0),
        Settled::Sent {
            answer: "250 ok".into()
        }
    );
    let never = Delivery::Permanent("550 no".into());
    assert_eq!(
        after(&never, 1, Duration::ZERO, T0),
        Settled::Dead { why: "550 no".into() }
    );
}

#[tokio::test]
async fn a_greylisted_mail_arrives_once_at_its_second_try() {
    let server = SmtpServer::scripted(|moment, n| match moment {
        Moment::Recipient(_) if n == 0 => Act::Say("451 4.7.1 greylisted"),
        _ => Act::Usual,
    });
    let (outbox, mailer) = (Memory::with(&[(1, A)]), relay_at(server.port));
    let first = drain(&outbox, &mailer, T0).await.unwrap();
    assert_eq!((first.sent, first.put_off, first.blocked), (0, 1, false));
    assert_eq!(
        drain(&outbox, &mailer, T0.plus(secs(9))).await.unwrap(),
        Drained::default(),
        "not before its time"
    );
    assert_eq!(drain(&outbox, &mailer, T0.plus(secs(10))).await.unwrap().sent, 1);
    assert_eq!(
        drain(&outbox, &mailer, T0.plus(secs(86_400))).await.unwrap(),
        Drained::default(),
        "never again"
    );
    let [mail] = server.accepted().try_into().unwrap();
    assert_eq!(mail.header("Message-ID").unwrap(), "<m1@sekimori.example.lg.jp>");
    assert_eq!(outbox.row(1, A).due.attempts, 2);
}

#[tokio::test]
async fn a_refused_recipient_holds_back_nobody() {
    let server = SmtpServer::scripted(|moment, _| match moment {
        Moment::Recipient(A) => Act::Say("550 5.1.1 no such user"),
        _ => Act::Usual,
    });
    let outbox = Memory::with(&[(1, A), (1, B), (2, A), (2, B)]);
    let done = drain(&outbox, &relay_at(server.port), T0).await.unwrap();
    assert_eq!(
        done,
        Drained {
            sent: 2,
            put_off: 0,
            dead: 2,
            blocked: false
        }
    );
    assert_eq!(outbox.outcomes(), ["dead", "sent", "dead", "sent"]);
    assert!(server.accepted().iter().all(|mail| mail.to == [B]));
    let Some(Settled::Dead { why }) = outbox.row(1, A).outcome else {
        panic!()
    };
    assert!(why.contains("550 5.1.1 no such user"));
}

#[tokio::test]
async fn while_the_relay_is_down_mails_wait_and_when_it_is_back_all_go_at_once() {
    let port = SmtpServer::free_port();
    let outbox = Memory::with(&[(1, A), (1, B), (2, A), (2, B), (3, A), (3, B)]);
    let mailer = relay_at(port);
    assert!(drain(&outbox, &mailer, T0).await.unwrap().blocked);
    let touched = outbox.rows().iter().filter(|row| row.due.attempts > 0).count();
    assert_eq!(touched, 1, "one try, the others untouched");

    let server = SmtpServer::start(Setup {
        port,
        ..Setup::default()
    });
    let done = drain(&outbox, &mailer, T0.plus(secs(1))).await.unwrap();
    assert_eq!(
        (done.sent, done.blocked),
        (6, false),
        "also those that had been tried go before their time"
    );
    assert_eq!(server.accepted().len(), 6);
}

#[tokio::test]
async fn a_cut_before_the_answer_sends_the_same_mail_again() {
    let server = SmtpServer::scripted(|moment, n| match moment {
        Moment::Text(_) if n == 0 => Act::AcceptAndCut,
        _ => Act::Usual,
    });
    let (outbox, mailer) = (Memory::with(&[(1, A)]), relay_at(server.port));
    drain(&outbox, &mailer, T0).await.unwrap();
    assert_eq!(drain(&outbox, &mailer, T0.plus(secs(10))).await.unwrap().sent, 1);
    let [first, second] = server.accepted().try_into().unwrap();
    assert_eq!(first.bytes, second.bytes, "the same Message-ID, the same bytes");
}

#[tokio::test]
async fn a_try_is_counted_before_the_relay_hears_of_it() {
    let outbox = Memory::with(&[(1, A)]);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (stored, noted) = (Arc::clone(&outbox), Arc::clone(&seen));
    let server = SmtpServer::scripted(move |moment, n| {
        if let Moment::Greeting = moment {
            noted.lock().unwrap().push(stored.row(1, A).due.attempts);
        }
        if n == 0 { Act::Say("421 busy") } else { Act::Usual }
    });
    let mailer = relay_at(server.port);
    drain(&outbox, &mailer, T0).await.unwrap();
    drain(&outbox, &mailer, T0.plus(secs(10))).await.unwrap();
    assert_eq!(*seen.lock().unwrap(), [1, 2]);
}

#[tokio::test]
async fn a_crash_between_try_and_outcome_sends_the_same_mail_again() {
    let reached = Arc::new(AtomicBool::new(false));
    let note = Arc::clone(&reached);
    let server = SmtpServer::scripted(move |moment, n| match moment {
        Moment::Data if n == 0 => {
            note.store(true, Ordering::SeqCst);
            Act::Silence
        }
        _ => Act::Usual,
    });
    let outbox = Memory::with(&[(1, A)]);
    let (first, stored) = (relay_at(server.port), Arc::clone(&outbox));
    let process = tokio::spawn(async move { drain(&stored, &first, T0).await.map(drop) });
    until(|| reached.load(Ordering::SeqCst)).await;
    process.abort();
    assert!(process.await.unwrap_err().is_cancelled());
    assert_eq!(
        (outbox.row(1, A).due.attempts, outbox.outcomes()),
        (1, vec!["untouched"])
    );

    assert_eq!(drain(&outbox, &relay_at(server.port), T0).await.unwrap().sent, 1);
    assert_eq!(outbox.row(1, A).due.attempts, 2);
    assert_eq!(
        server.accepted()[0].header("Message-ID").unwrap(),
        "<m1@sekimori.example.lg.jp>"
    );
}

#[tokio::test]
async fn each_recipients_mails_go_in_order_critical_ones_first_and_recipients_at_once() {
    let outbox = Memory::default();
    let recipients: Vec<String> = (0..6).map(|n| format!("r{n}@example.lg.jp")).collect();
    for id in 1..=30 {
        for recipient in &recipients {
            outbox.add(id, recipient, id == 7 || id == 29);
        }
    }
    let (outbox, mailer) = (Arc::new(outbox), Fake::new(|_, _| sent()));
    assert_eq!(drain(&outbox, &mailer, T0).await.unwrap().sent, 180);
    let mut expected: Vec<i64> = (1..=30).filter(|id| *id != 7 && *id != 29).collect();
    expected.splice(0..0, [7, 29]);
    for recipient in &recipients {
        assert_eq!(mailer.carried_to(recipient), expected);
    }
    assert_eq!(mailer.at_once.lock().unwrap().1, 4);
}

#[tokio::test]
async fn a_mail_put_off_does_not_hold_the_next_to_the_same_recipient() {
    let outbox = Memory::with(&[(1, A), (2, A), (3, A)]);
    let mailer = Fake::new(|id, _| if id == 1 { later() } else { sent() });
    assert_eq!(drain(&outbox, &mailer, T0).await.unwrap().sent, 2);
    assert_eq!(mailer.carried_to(A), [1, 2, 3]);
    assert_eq!(outbox.outcomes(), ["retry", "sent", "sent"]);
}

#[tokio::test]
async fn an_outage_of_a_week_does_not_count_against_a_mail() {
    let outbox = Memory::with(&[(1, A)]);
    let away = Fake::new(|_, _| down());
    let mut now = T0;
    for _ in 0..200 {
        drain(&outbox, &away, now).await.unwrap();
        now = now.plus(secs(3600));
    }
    assert_eq!(outbox.outcomes(), ["retry"]);
    drain(&outbox, &Fake::new(|_, _| later()), now).await.unwrap();
    let row = outbox.row(1, A);
    assert_eq!(
        row.next.unwrap().since(now),
        secs(10),
        "the first refusal is followed by the shortest pause"
    );
    drain(&outbox, &Fake::new(|_, _| later()), now.plus(secs(5 * 86_400)))
        .await
        .unwrap();
    assert_eq!(outbox.outcomes(), ["dead"]);
}

/// The loop on its own task, its clock in the test's hand.
struct Running {
    clock: Arc<ManualClock>,
    wake: Arc<Notify>,
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<Result<(), OutboxError>>,
}

fn running<O: Outbox>(outbox: &Arc<O>, mailer: Arc<dyn Mailer>) -> Running {
    let (clock, wake) = (Arc::new(ManualClock::new(T0)), Arc::new(Notify::new()));
    let (stop, stopped) = watch::channel(false);
    let task = tokio::spawn(run(
        Arc::clone(outbox),
        mailer,
        Arc::<ManualClock>::clone(&clock) as Arc<dyn Clock>,
        Arc::clone(&wake),
        stopped,
    ));
    Running {
        clock,
        wake,
        stop,
        task,
    }
}

/// Lets other tasks run until `done` holds; fails the test where it does not come about.
async fn until(done: impl Fn() -> bool) {
    let wait = async {
        while !done() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(secs(60), wait).await.expect("it never came about");
}

#[tokio::test]
async fn the_loop_sends_what_is_queued_while_it_runs_and_stops_when_told() {
    let outbox = Memory::with(&[(1, A)]);
    let mailer = Arc::new(Fake::new(|_, _| sent()));
    let postman = running(&outbox, Arc::<Fake>::clone(&mailer));
    until(|| outbox.outcomes() == ["sent"]).await;
    outbox.add(2, A, true);
    postman.wake.notify_one();
    until(|| outbox.outcomes() == ["sent", "sent"]).await;
    postman.stop.send(true).unwrap();
    postman.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn the_loop_wakes_by_itself_when_a_mail_is_due() {
    let outbox = Memory::with(&[(1, A)]);
    let now = SystemClock.now();
    outbox.rows()[0].next = Some(now.plus(Duration::from_millis(40)));
    let (_stop, stopped) = watch::channel(false);
    let mailer = Arc::new(Fake::new(|_, _| sent()));
    let postman = tokio::spawn(run(
        Arc::clone(&outbox),
        mailer,
        Arc::new(SystemClock),
        Arc::new(Notify::new()),
        stopped,
    ));
    until(|| outbox.outcomes() == ["sent"]).await;
    assert!(SystemClock.now() >= now.plus(Duration::from_millis(40)));
    postman.abort();
}

#[tokio::test]
async fn the_loop_leaves_a_dead_relay_alone_between_probes_and_then_sends_everything() {
    let outbox = Memory::with(
        &(1..=100)
            .map(|id| (id, if id % 2 == 0 { A } else { B }))
            .collect::<Vec<_>>(),
    );
    let up = Arc::new(AtomicBool::new(false));
    let relay = Arc::clone(&up);
    let mailer = Arc::new(Fake::new(
        move |_, _| if relay.load(Ordering::SeqCst) { sent() } else { down() },
    ));
    let postman = running(&outbox, Arc::<Fake>::clone(&mailer));
    let rests = || mailer.rests.load(Ordering::SeqCst);
    until(|| rests() == 1).await;
    let mut tries = 1;
    for pause in [10, 30, 60, 60, 60] {
        let before = rests();
        postman.clock.advance(secs(pause - 1));
        postman.wake.notify_one();
        until(|| rests() > before).await;
        assert_eq!(mailer.carried().len(), tries, "new mails do not make it try sooner");
        postman.clock.advance(secs(1));
        postman.wake.notify_one();
        tries += 1;
        until(|| rests() > before + 1).await;
        assert_eq!(
            mailer.carried().len(),
            tries,
            "one mail finds out whether the relay is back"
        );
    }
    up.store(true, Ordering::SeqCst);
    postman.clock.advance(secs(60));
    postman.wake.notify_one();
    until(|| outbox.outcomes().iter().all(|&outcome| outcome == "sent")).await;
    assert_eq!(
        mailer.carried().len(),
        tries + 100,
        "one try each after the relay is back"
    );
    postman.stop.send(true).unwrap();
    postman.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_new_critical_mail_goes_before_a_long_backlog() {
    let outbox = Memory::with(
        &(1..=60)
            .map(|id| (id, if id % 2 == 0 { A } else { B }))
            .collect::<Vec<_>>(),
    );
    let wake = Arc::new(Notify::new());
    let (queue, waker) = (Arc::clone(&outbox), Arc::clone(&wake));
    let mailer = Arc::new(Fake::new(move |id, _| {
        if id == 3 {
            queue.add(99, A, true);
            waker.notify_one();
        }
        sent()
    }));
    let (_stop, stopped) = watch::channel(false);
    let clock = Arc::new(ManualClock::new(T0));
    let postman = tokio::spawn(run(
        Arc::clone(&outbox),
        Arc::<Fake>::clone(&mailer),
        clock,
        wake,
        stopped,
    ));
    until(|| outbox.outcomes().iter().all(|&outcome| outcome == "sent")).await;
    let place = mailer.carried().iter().position(|(id, _)| *id == 99).unwrap();
    assert!(place < 10, "{place} mails went before it");
    postman.abort();
}

#[tokio::test]
async fn on_stop_the_mail_in_hand_is_finished_and_no_other_begun() {
    let outbox = Memory::with(&[(1, A), (2, A), (3, A)]);
    let (stop, stopped) = watch::channel(false);
    let mailer = Arc::new(Fake::new(move |_, _| {
        stop.send_replace(true);
        sent()
    }));
    let clock = Arc::new(ManualClock::new(T0));
    run(
        Arc::clone(&outbox),
        Arc::<Fake>::clone(&mailer),
        clock,
        Arc::new(Notify::new()),
        stopped,
    )
    .await
    .unwrap();
    assert_eq!(outbox.outcomes(), ["sent", "untouched", "untouched"]);
}

#[tokio::test]
async fn an_outbox_that_fails_ends_the_loop() {
    for call in ["due", "begin", "settle"] {
        let postman = running(&Arc::new(Broken(call)), Arc::new(Fake::new(|_, _| sent())));
        let error = postman.task.await.unwrap().unwrap_err();
        assert_eq!(error.to_string(), "outbox: disk full", "{call}");
    }
}
