use rut_agent::*;
use std::{cell::RefCell, rc::Rc, time::Duration};
fn main() {
    let rt = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let local = tokio::task::LocalSet::new();
    local.block_on(&rt, async {
        let dir = std::path::PathBuf::from("/tmp/apitmp");
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).unwrap();
        let clock = clock::Clock::start();
        let store = Rc::new(RefCell::new(
            store::Store::open(&dir.join("state"), 512 * 1024).unwrap(),
        ));
        let feed = feed::Feed::new(0);
        let inbox = inbox::Inbox::new(
            store.clone(),
            feed.clone(),
            Duration::from_secs(3600),
            clock.now(),
        );
        let outbox = outbox::Outbox::new(store.clone(), feed.clone(), clock.now()).unwrap();
        let (modem, _rx) = modem::Handle::new();
        let rooms = api::Rooms {
            store,
            inbox: Rc::new(RefCell::new(inbox)),
            outbox: Rc::new(RefCell::new(outbox)),
            signal: Rc::new(RefCell::new(signal::Signal::new(feed.clone()))),
            feed,
            targets: Rc::default(),
            modem,
            clock,
        };
        let mut config = config::Config::default();
        config.api.listen = vec![
            "127.0.0.1:18240".parse().unwrap(),
            "[::1]:18240".parse().unwrap(),
        ];
        let (_tx, rx) = tokio::sync::watch::channel(Rc::new(config));
        let (_stopper, stop) = stop::pair();
        api::run(rx, rooms, dir.join("sock"), stop).await.unwrap();
    });
}
