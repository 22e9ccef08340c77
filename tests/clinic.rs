//! Promises of the clinic's side, end to end: the real device, a broker, the page in a real browser.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "clinic/browser.rs"]
mod browser;
#[path = "clinic/site.rs"]
mod site;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use browser::Browser;
use serde_json::{Value, json};
use site::{Site, patiently};
use spinewatch::clinic::{Clinic, ToAcknowledge};
use spinewatch::triage::Level;

// ---- the whole way -------------------------------------------------------------------------------------------------

#[test]
fn an_alert_appears_is_acknowledged_by_keyboard_and_the_devices_screen_shows_who() {
    let Some(mut browser) = Browser::start() else { return };
    let site = Site::start();
    let page = site.page();
    browser.look(1280, 900, "light");
    browser.open(&page.url());
    browser.until("the connection", "document.body.dataset.connection === 'online'");
    assert_eq!(browser.value("document.title"), json!("Spinewatch"));
    assert!(browser.text("#empty").contains("does not mean that there is no fracture"));

    let device = site.device(300, |commit| commit.suspected(&[Level::C2, Level::C5]));
    browser.until("the alert", "document.querySelector('.row[data-group=alarm]')");
    browser.until("the title", "document.title === '(1) Spinewatch'");
    browser.until(
        "the announcement",
        "document.querySelector('#announce').innerText.includes('New alert: suspected C2 C5')",
    );
    assert!(browser.text(".row .levels").contains("C2 C5"));
    assert!(browser.text("#study").contains("not for diagnosis"));
    browser.until("the key image", "document.querySelector('.picture image')");
    let loaded = "new Promise(done => { const i = new Image(); i.onload = () => done(i.naturalWidth); i.onerror = () => done(0); \
                  i.src = document.querySelector('.picture image').getAttribute('href'); })";
    assert!(browser.value(loaded).as_u64().unwrap() > 100, "the picture cannot be loaded");
    let drawn = browser.value(
        "(() => { const b = document.querySelector('.picture .box'); return ['x', 'width'].map(n => +b.getAttribute(n)); })()",
    );
    // 286 of 512 columns are 143 of 256; 3 around it
    let near = |value: &Value, wanted: f64| (value.as_f64().unwrap() - wanted).abs() < 0.6;
    assert!(near(&drawn[0], 143.0 - 3.0) && near(&drawn[1], 46.0 + 6.0), "{drawn}");
    let levels = browser.value("[...document.querySelectorAll('.spine polygon.suspected')].map(p => p.dataset.level)");
    assert_eq!(levels.as_array().unwrap().first(), Some(&json!("C2")));
    assert!(
        browser
            .value("document.querySelector('.spine svg').getAttribute('aria-label')")
            .as_str()
            .unwrap()
            .contains("C2 suspected")
    );

    browser.press("j");
    browser.press("a");
    browser.until("the dialog", "document.querySelector('#acknowledge').open");
    browser.type_text("ER desk 2");
    browser.press("Enter");
    browser.until("the record", "document.querySelector('.ack').dataset.state === 'recorded'");
    assert!(browser.text(".ack").contains("Recorded by the device: seen by ER desk 2"), "{}", browser.text(".ack"));
    browser.until("the title", "document.title === 'Spinewatch'");
    patiently("the device's screen", || device.seen_by().as_deref() == Some("ER desk 2"));
    assert_eq!(browser.value("localStorage.getItem('name')"), json!("ER desk 2"));
    let violations = browser
        .value("performance.getEntriesByType('resource').filter(r => !r.name.startsWith(location.origin)).length");
    assert_eq!(violations, json!(0), "nothing is loaded from elsewhere");
}

#[test]
fn a_page_that_hears_nothing_says_that_its_list_is_old_and_a_lost_broker_is_seen() {
    let Some(mut browser) = Browser::start() else { return };
    let mut site = Site::start();
    let _device = site.device(300, |commit| commit.suspected(&[Level::C6]));
    let page = site.page();
    browser.look(1280, 900, "light");
    browser.open(&page.url());
    browser.until("the alert", "document.querySelector('.row[data-group=alarm]')");
    site.kill_broker();
    browser
        .until("the lost broker", "document.querySelector('#lost').innerText.includes('NO CONNECTION TO THE BROKER')");
    assert!(browser.value("document.title").as_str().unwrap().starts_with("(!)"));
    browser.press("j");
    browser.press("a");
    browser.until("the dialog", "document.querySelector('#acknowledge').open");
    browser.type_text("ER desk 2");
    browser.press("Enter");
    browser.until("the refusal", "document.querySelector('#acknowledge-error').innerText.includes('was not sent')");
    browser.press("Escape");
    page.kill();
    browser.until("the stale page", "document.querySelector('#lost').innerText.includes('THIS LIST IS OLD')");
    assert_eq!(browser.value("document.body.dataset.connection"), json!("lost"));
    assert!(browser.text(".row").contains("C6"), "what was known stays to be seen");
    browser.screenshot("stale-1280-light");
}

#[test]
fn the_page_can_be_used_by_everybody_in_light_and_dark_wide_and_narrow() {
    let Some(mut browser) = Browser::start() else { return };
    let site = Site::start();
    let _devices = site.publishers(|commit| {
        commit.ago(3130).none_suspected("e8b2");
        commit.ago(380).partly("09af");
        commit.ago(1290).not_analysed("51cc");
        commit.ago(2310).acknowledged("c1d4", &[Level::C6], "Trauma centre");
        commit.ago(72).suspected(&[Level::C2, Level::C5]);
    });
    let page = site.page();
    browser.look(1280, 900, "light");
    browser.open(&page.url());
    let full = "document.querySelectorAll('.row').length === 5 && document.querySelectorAll('.device').length === 3 \
                && document.querySelector('.picture image') && document.body.dataset.connection === 'online'";
    browser.until("the list", full);
    browser.until("what is settled", "document.querySelector('.row[data-group=seen]')");
    let shown = browser.text("main").to_lowercase();
    for never in ["no fracture", "cleared", "negative", "all clear"] {
        assert!(!shown.contains(never), "{never}");
    }
    let axe = axe();
    for (width, height) in [(1280, 900), (390, 844)] {
        for scheme in ["light", "dark"] {
            browser.look(width, height, scheme);
            let overflow = browser.value("document.documentElement.scrollWidth - innerWidth");
            assert!(overflow.as_i64().unwrap() <= 0, "{overflow} px beyond {width}");
            browser.screenshot(&format!("list-{width}-{scheme}"));
            accessible(&mut browser, axe.as_deref(), &format!("list {width} {scheme}"));
            if width == 390 {
                browser.value("document.querySelector('.row').click()");
                browser.screenshot(&format!("study-{width}-{scheme}"));
                let overflow = browser.value("document.documentElement.scrollWidth - innerWidth");
                assert!(overflow.as_i64().unwrap() <= 0, "{overflow} px beyond {width}");
                accessible(&mut browser, axe.as_deref(), &format!("study {width} {scheme}"));
                browser.value("document.querySelector('#back').click()");
            }
        }
    }
    browser.look(1280, 900, "dark");
    browser.press("a");
    browser.until("the dialog", "document.querySelector('#acknowledge').open");
    browser.screenshot("acknowledge-1280-dark");
    accessible(&mut browser, axe.as_deref(), "the dialog");
    browser.press("Escape");
    browser.press("?");
    browser.until("the help", "document.querySelector('#help').open");
    browser.press("Escape");
    for kind in ["unread", "read", "information", "seen"] {
        browser.value(&format!("document.querySelector('.row[data-group={kind}]')?.click()"));
        browser.screenshot(&format!("{kind}-1280-dark"));
        accessible(&mut browser, axe.as_deref(), kind);
    }
}

/// axe-core's text, from the file that `SPINEWATCH_AXE` names.
fn axe() -> Option<String> {
    let Some(path) = std::env::var_os("SPINEWATCH_AXE") else {
        eprintln!("skipped: axe-core (npm install axe-core, then SPINEWATCH_AXE=node_modules/axe-core/axe.min.js)");
        return None;
    };
    Some(std::fs::read_to_string(path).unwrap())
}

fn accessible(browser: &mut Browser, axe: Option<&str>, what: &str) {
    let Some(axe) = axe else { return };
    if browser.value("typeof axe") == json!("undefined") {
        browser.value(&format!("{axe}; 0"));
    }
    let run = "axe.run(document, {resultTypes: ['violations']}).then(r => r.violations.filter(v => \
               ['serious', 'critical'].includes(v.impact)).map(v => v.id + ': ' + v.nodes.map(n => n.html + ' ' + n.failureSummary).join(' | ')))";
    let found = browser.value(run);
    println!("axe-core, {what}: {} serious or critical", found.as_array().unwrap().len());
    assert_eq!(found, json!([]), "{what}");
}

// ---- escalation ----------------------------------------------------------------------------------------------------

#[test]
fn an_alert_that_nobody_acknowledges_is_sent_again_and_screen_and_clinic_say_so() {
    let site = Site::start();
    let clinic = site.clinic();
    let device = site.device(1, |commit| commit.suspected(&[Level::C2]));
    patiently("the second sending", || device.sent_again() >= 2);
    patiently("the clinic's list", || clinic.view().studies.first().is_some_and(|study| study.urgency == 3));
    let study = clinic.view().studies.remove(0);
    assert!(study.overdue && study.alarm && study.sent_again >= 2, "{study:?}");
    acknowledge(&clinic, "night shift", "on our way");
    patiently("the device's screen", || device.seen_by().as_deref() == Some("night shift"));
    let sent = device.sent_again();
    std::thread::sleep(Duration::from_millis(2500));
    assert_eq!(device.sent_again(), sent, "acknowledged is acknowledged");
    let trail = device.stop_and_audit();
    assert!(trail.iter().any(|entry| entry.action == "alert_sent_again"));
    let seen = trail.iter().find(|entry| entry.action == "acknowledge").unwrap();
    assert_eq!((seen.actor.as_str(), seen.detail.as_deref()), ("night shift", Some("on our way")));
}

#[test]
fn a_clinic_that_comes_late_sees_who_acknowledged_and_two_clinics_see_each_other() {
    let site = Site::start();
    let _device = site.device(300, |commit| commit.suspected(&[Level::C2]));
    let (one, two) = (site.clinic(), site.clinic());
    patiently("both lists", || one.view().unacknowledged == 1 && two.view().unacknowledged == 1);
    acknowledge(&one, "ER desk 2", "");
    let seen_by = |clinic: &Clinic| {
        serde_json::to_value(clinic.view()).unwrap()["studies"][0]["ack"]["by"].as_str().map(str::to_owned)
    };
    patiently("the other clinic", || two.view().unacknowledged == 0 && seen_by(&two).as_deref() == Some("ER desk 2"));
    let late = site.clinic();
    patiently("the late clinic", || seen_by(&late).as_deref() == Some("ER desk 2"));
    assert_eq!(late.view().unacknowledged, 0);
    assert!(late.view().studies[0].image.is_some(), "and the picture");
}

fn acknowledge(clinic: &Clinic, by: &str, note: &str) {
    let study = clinic.view().studies.remove(0);
    let given = ToAcknowledge { id: study.id, event_id: study.event_id, by: by.into(), note: note.into() };
    clinic.acknowledge(&given).unwrap();
}

// ---- the server ----------------------------------------------------------------------------------------------------

/// One request over a plain socket: status line and headers, then the body.
fn request(address: SocketAddr, head: &str, body: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    write!(stream, "{head}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_ascii_lowercase(), body.to_owned())
}

#[test]
fn the_page_is_served_under_its_own_name_with_its_guards() {
    let site = Site::start();
    let page = site.page();
    let address = page.address();
    let (head, body) = request(address, &format!("GET / HTTP/1.1\r\nHost: {address}"), "");
    assert!(head.starts_with("http/1.1 200") && body.contains("Spinewatch"), "{head}");
    for guard in ["content-security-policy: default-src 'none'", "x-frame-options: deny", "cache-control: no-store"] {
        assert!(head.contains(guard), "{guard} in {head}");
    }
    assert!(!head.contains("access-control"), "no other page may read it");
    for path in ["/", "/state", "/events", "/page.js"] {
        let (head, _) = request(address, &format!("GET {path} HTTP/1.1\r\nHost: rebound.example"), "");
        assert!(head.starts_with("http/1.1 403"), "{path}: {head}");
    }
}

#[test]
fn an_acknowledgement_needs_json_our_own_page_and_a_study_that_stands() {
    let site = Site::start();
    let device = site.device(300, |commit| commit.suspected(&[Level::C2]));
    let page = site.page();
    let address = page.address();
    patiently("the list", || page.clinic().view().unacknowledged == 1);
    let study = page.clinic().view().studies.remove(0);
    let post = |headers: &str, body: &Value| {
        request(address, &format!("POST /ack HTTP/1.1\r\nHost: {address}\r\n{headers}"), &body.to_string()).0
    };
    let body = json!({"id": study.id, "event_id": study.event_id, "by": "ER desk 2", "note": ""});
    let with = |key: &str, value: Value| {
        let mut changed = body.clone();
        changed[key] = value;
        changed
    };
    let our = "Content-Type: application/json";
    let foreign = format!("{our}\r\nOrigin: http://evil.example");
    for (headers, body, status) in [
        ("Content-Type: text/plain", body.clone(), "415"),
        (foreign.as_str(), body.clone(), "403"),
        (our, with("by", json!("")), "422"),
        (our, with("by", json!("x".repeat(65))), "422"),
        (our, with("note", json!("x".repeat(201))), "422"),
        (our, with("event_id", json!("other")), "409"),
        (our, with("id", json!("north/ct-2/none")), "404"),
        (our, with("note", json!("x".repeat(5000))), "413"),
    ] {
        let head = post(headers, &body);
        assert!(head.starts_with(&format!("http/1.1 {status}")), "{status} for {headers} {body}: {head}");
    }
    assert_eq!(page.clinic().view().unacknowledged, 1, "nothing of that acknowledged");
    assert!(post(&format!("{our}\r\nOrigin: http://{address}"), &body).starts_with("http/1.1 202"));
    patiently("the device's screen", || device.seen_by().as_deref() == Some("ER desk 2"));
}
