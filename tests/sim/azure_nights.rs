//! Three days and nights of a job that works in both clouds: AWS keys of a role and a Graph token of the Azure identity that rests on
//! it, once a minute, and another one of an application with a certificate.
//!
//! What must hold: no 200 carries what the cloud would not take, or a token with less than five minutes where another could be
//! had; every request that is made while the upstream is reachable and willing gets a 200; no statement is shown to Entra ID
//! twice; and the upstream is called as often as lifetimes say.

use std::collections::BTreeSet;
use std::time::Duration;

use credenza::world::simulated::{MemoryFiles, Step};
use simcloud::entra::{App, Certificate, FederatedCredential, GRAPH, Kind, Tenant};
use simcloud::{Fault, Trouble, Trust};
use tokio::time::{Instant, sleep_until};

use crate::client::{Client, Told};
use crate::machine::{ACCOUNT, HOUR, MINUTE, Machine, SECOND, boot, role};

const TENANT: &str = "11112222-3333-4444-5555-666677778888";
const SYNC: &str = "aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb";
const ROBOT: &str = "dddddddd-0000-1111-2222-eeeeeeeeeeee";
const RESOURCE: &str = "https://graph.microsoft.com";
const CERTIFICATE: &str = include_str!("../simcloud/testdata/entra-app-cert.pem");
const KEY: &str = include_str!("../simcloud/testdata/entra-app-key.pem");

const DAYS: u32 = 3;

// How often each is fetched. A token lives for 60 to 90 min, 75 in the mean, and is renewed at half of that; three days less the
// nine hours in which the machine sleeps are 63 h: 63 * 60 / 37.5 = 101. For ten hours tokens live for 20 min, and are renewed every
// 10: 60 in place of 16, so 145. The keys of the role, which live for an hour, every 35 min: 63 * 60 / 35 = 108.
const TOKENS: usize = 145;
const KEYS: usize = 108;

/// What happens half a minute after a minute of the job's life.
#[derive(Clone, Copy, Debug)]
enum Event {
    CablePulled,
    /// Entra ID answers 429, and says when to come again.
    Throttled,
    /// STS answers 503.
    StsDown,
    OutageOver,
    ClockSet(Step),
    Sleeps(Duration),
    /// Tokens live for so long; as they do, where nothing is said.
    TokensLive(Option<Duration>),
    /// The application trusts nobody any more.
    TrustEnds,
    TrustIsBack,
}

fn happens(minute: u32) -> Option<Event> {
    use Event::*;
    Some(match minute {
        100 | 3700 => CablePulled,
        500 => Throttled,
        1600 => StsDown,
        140 | 530 | 1625 | 3715 => OutageOver,
        900 => ClockSet(Step::Forward(5 * MINUTE)),
        1000 => ClockSet(Step::Back(10 * MINUTE)),
        1300 => Sleeps(HOUR),
        2000 => TokensLive(Some(20 * MINUTE)),
        2600 => TokensLive(None),
        2700 => Sleeps(8 * HOUR),
        3100 => TrustEnds,
        3130 => TrustIsBack,
        _ => return None,
    })
}

/// The machine, its clients, and how the upstream stands.
struct Nights {
    machine: Machine,
    clients: [Client; 3],
    /// Since when the upstream is reachable and willing; `None` during an outage.
    reachable: Option<Instant>,
    fault: Option<u64>,
    /// Until when the wait after a refusal may last.
    refusal_may_last: Option<Instant>,
    trust: FederatedCredential,
    answered: [usize; 3],
}

impl Nights {
    fn begin() -> Self {
        let (clock, cloud) = boot();
        let keys = cloud.add_user("base", ACCOUNT);
        cloud.add_role(&role("prod"), Trust::of([format!("arn:aws:iam::{ACCOUNT}:user/base")]), HOUR);
        let trust = FederatedCredential::new(&cloud.enable_outbound_federation(ACCOUNT), &role("prod"));
        cloud.add_tenant(Tenant::new(TENANT, "contoso.onmicrosoft.com"));
        let roles: &[&str] = &["Sites.Read.All"];
        cloud.add_app(App::confidential(SYNC, TENANT).with_roles(GRAPH, roles).with_federated(trust.clone()));
        let certificate = Certificate::from_pem(CERTIFICATE).expect("a certificate");
        cloud.add_app(App::confidential(ROBOT, TENANT).with_roles(GRAPH, roles).with_certificate(certificate));
        let profiles = format!(
            "[profile base]\naws_access_key_id = {}\naws_secret_access_key = {}\n\
             [profile prod]\nregion = eu-central-1\nrole_arn = {}\nsource_profile = base\n",
            keys.access_key_id,
            keys.secret_access_key,
            role("prod")
        );
        let own = format!(
            "[identity.sync]\nazure = {{ source = \"federated\", tenant = \"{TENANT}\", client_id = \"{SYNC}\", from = \"prod\" }}\n\
             [identity.robot]\nazure = {{ source = \"entra\", tenant = \"{TENANT}\", client_id = \"{ROBOT}\", \
             certificate = \"/home/u/robot.pem\" }}\n"
        );
        let files = MemoryFiles::default()
            .with("/home/u/.aws/config", profiles)
            .with("/home/u/.config/credenza/config.toml", own)
            .with("/home/u/robot.pem", format!("{KEY}{CERTIFICATE}"));
        let machine = Machine::running(clock, &cloud, files, &["prod", "sync", "robot"], 1);
        machine.calls_take(100 * Duration::from_millis(1));
        let clients = [
            Client::new(&machine, "prod"),
            Client::of_azure(&machine, "sync", RESOURCE),
            Client::of_azure(&machine, "robot", RESOURCE),
        ];
        let reachable = Some(Instant::now());
        Self { machine, clients, reachable, fault: None, refusal_may_last: None, trust, answered: [0; 3] }
    }

    fn apply(&mut self, event: Event) {
        let cloud = self.machine.cloud.clone();
        match event {
            Event::CablePulled => self.machine.plug(false),
            Event::Throttled => {
                let headers = vec![("retry-after".to_owned(), "60".to_owned())];
                let page = Trouble::Page { status: 429, headers, body: String::new() };
                self.fault = Some(cloud.add_fault(Fault::new(page).on_action("EntraToken")));
            }
            Event::StsDown => {
                let fault = Fault::outage().on_action("AssumeRole");
                self.fault = Some(cloud.add_fault(fault));
                cloud.add_fault(Fault::outage().on_action("GetWebIdentityToken").times(6));
            }
            Event::OutageOver => {
                self.machine.plug(true);
                self.fault.take().map(|fault| cloud.clear_fault(fault));
                self.reachable = Some(Instant::now());
            }
            Event::ClockSet(step) => self.machine.clock.step_wall(step),
            Event::Sleeps(time) => self.machine.clock.suspend(time),
            Event::TokensLive(life) => cloud.set_entra_token_life(life),
            Event::TrustEnds => assert!(cloud.change_app(SYNC, |app| app.federated.clear())),
            Event::TrustIsBack => {
                let trust = self.trust.clone();
                assert!(cloud.change_app(SYNC, |app| app.federated = vec![trust]));
                self.refusal_may_last = Some(Instant::now() + 16 * MINUTE);
            }
        }
        match event {
            Event::CablePulled | Event::Throttled | Event::StsDown => self.reachable = None,
            // what is held is a little old, and the timetable finds out twice a minute
            Event::Sleeps(_) | Event::ClockSet(_) => self.reachable = self.reachable.map(|_| Instant::now()),
            Event::TrustEnds => self.refusal_may_last = Some(Instant::now() + 46 * MINUTE),
            Event::OutageOver | Event::TokensLive(_) | Event::TrustIsBack => {}
        }
    }

    /// Everybody asks, all at once.
    async fn poll(&mut self) {
        for client in &mut self.clients {
            client.send(&self.machine).await;
        }
        for number in 0..self.clients.len() {
            let (told, took) = self.clients[number].receive(&self.machine).await;
            assert!(took <= 21 * SECOND, "{}: a request took {took:?}", self.clients[number].identity);
            self.check(number, told);
        }
    }

    fn check(&mut self, number: usize, told: Told) {
        let (name, now) = (self.clients[number].identity, Instant::now());
        let calm = self.reachable.is_some_and(|since| now - since > 6 * MINUTE);
        match told {
            Told::Credential(keys, end) => {
                let left = self.machine.life_by_the_cloud(&keys, end);
                assert!(left.expect("keys that the cloud takes") >= 20 * MINUTE || !calm, "{name}");
            }
            Told::Token(token, left) => {
                let judged = self.machine.cloud.judge_bearer(&token, &|audience| audience == RESOURCE);
                judged.unwrap_or_else(|problem| panic!("{name} got a token that is {problem}"));
                assert!(left >= 5 * MINUTE || !calm, "{name}: {left:?} left");
            }
            Told::Refusal { status, message, .. } => {
                let refused = name == "sync" && self.refusal_may_last.is_some_and(|until| now < until);
                assert!(self.reachable.is_none() || refused || !calm, "{name}: {status} {message}");
                if refused && status == 400 {
                    assert!(message.contains("az ad app federated-credential create"), "{message}");
                }
                return;
            }
        }
        self.answered[number] += 1;
    }
}

#[tokio::test(start_paused = true)]
async fn three_days_and_nights_of_a_job_in_both_clouds() {
    let mut nights = Nights::begin();
    let began = Instant::now();
    for minute in 0..DAYS * 24 * 60 - 9 * 60 {
        nights.poll().await;
        if let Some(event) = happens(minute) {
            sleep_until(began + minute * MINUTE + 30 * SECOND).await;
            nights.apply(event);
        }
        sleep_until(began + (minute + 1) * MINUTE).await;
    }
    let cloud = &nights.machine.cloud;
    let polls = (DAYS * 24 - 9) as usize * 60;
    // what is held outlives an outage of less than its second half; a role's keys, 25 min before their end, one of 24
    for (number, least) in [(0, polls - 60), (1, polls - 120), (2, polls - 60)] {
        assert!(nights.answered[number] >= least, "{number}: {} of {polls}", nights.answered[number]);
    }
    let assertions: Vec<String> =
        cloud.presented().into_iter().filter(|it| it.kind == Kind::Assertion).map(|it| it.digest).collect();
    assert_eq!(assertions.iter().collect::<BTreeSet<_>>().len(), assertions.len(), "no statement is shown twice");
    let fine = |action: &str| cloud.calls().iter().filter(|call| call.action == action && call.outcome == "ok").count();
    near("keys", fine("AssumeRole"), KEYS);
    near("tokens", fine("EntraToken"), 2 * TOKENS);
    assert_eq!(cloud.count_cp1(), 0, "nobody could answer a claims challenge");
    nights.machine.engine.clone().stop().await;
}

fn near(what: &str, calls: usize, expected: usize) {
    assert!(calls.abs_diff(expected) * 100 <= expected * 12, "{what}: {calls} calls, {expected} expected");
}
