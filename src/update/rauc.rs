//! RAUC over D-Bus: `de.pengutronix.rauc.Installer`, as RAUC 1.8 to 1.15 offer it.
//!
//! Takes in a bundle's path, hands on RAUC's words. Never decides; never calls `Install` or `Info`, which are deprecated.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use zbus::blocking::fdo::DBusProxy;
use zbus::blocking::{Connection, MessageIterator, Proxy, connection, proxy};
use zbus::names::BusName;
use zbus::proxy::CacheProperties;
use zbus::zvariant::{OwnedValue, Value};
use zbus::{MatchRule, Message, message};

use super::refusal::one_line;

const NAME: &str = "de.pengutronix.rauc";
const INTERFACE: &str = "de.pengutronix.rauc.Installer";
const PATH: &str = "/";
/// Signals that may wait while they are looked at.
const QUEUE: usize = 1024;

/// What RAUC did not do, in its own words, one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RaucError {
    /// It is not there, or the bus is not.
    #[error("{0}")]
    Absent(String),
    /// It answered with an error.
    #[error("{0}")]
    Said(String),
}

/// A slot that can be booted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// RAUC's name: `rootfs.0`.
    pub name: String,
    /// The boot loader's name: `A`.
    pub bootname: String,
    /// It runs.
    pub booted: bool,
    /// What the boot loader's variables say of it.
    pub good: bool,
    /// Version of the bundle that was installed there; `None` where it was flashed.
    pub version: Option<String>,
}

/// The slots, as RAUC sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slots {
    /// The one that runs.
    pub booted: Slot,
    /// The one that an update is written to.
    pub other: Slot,
}

/// RAUC on a bus.
#[derive(Debug)]
pub struct Rauc {
    connection: Connection,
    proxy: Proxy<'static>,
    /// Its configuration, which names the keyring; for RAUC without `InspectBundle`.
    configuration: PathBuf,
    /// The bus of this machine: only then is `systemctl` of the same one.
    is_this_machine: bool,
}

impl Rauc {
    /// On the system bus, or on the bus at `address`.
    ///
    /// # Errors
    /// When there is no bus.
    pub fn connect(address: Option<&str>, configuration: &Path) -> Result<Self, RaucError> {
        let absent = |error: zbus::Error| RaucError::Absent(one_line(&error.to_string()));
        let bus = match address {
            Some(address) => connection::Builder::address(address).map_err(absent)?,
            None => connection::Builder::system().map_err(absent)?,
        };
        let connection = bus.max_queued(QUEUE).build().map_err(absent)?;
        let proxy = proxy::Builder::new(&connection).destination(NAME).and_then(|builder| builder.path(PATH));
        let proxy = proxy.and_then(|builder| builder.interface(INTERFACE)).map_err(absent)?;
        let proxy = proxy.cache_properties(CacheProperties::No).build().map_err(absent)?;
        let is_this_machine = address.is_none() && std::env::var_os("DBUS_SYSTEM_BUS_ADDRESS").is_none();
        Ok(Self { connection, proxy, configuration: configuration.to_owned(), is_this_machine })
    }

    /// `compatible` of the system.
    ///
    /// # Errors
    /// When RAUC does not answer.
    pub fn compatible(&self) -> Result<String, RaucError> {
        self.proxy.get_property("Compatible").map_err(said)
    }

    /// The booted slot and the other one.
    ///
    /// # Errors
    /// When RAUC does not answer, or knows no such pair.
    pub fn slots(&self) -> Result<Slots, RaucError> {
        let status: Vec<(String, HashMap<String, OwnedValue>)> = self.proxy.call("GetSlotStatus", &()).map_err(said)?;
        let mut slots: Vec<Slot> = status.iter().filter_map(|(name, status)| slot(name, status)).collect();
        let no = |what: &str| RaucError::Said(format!("its system.conf has no {what} slot with a bootname"));
        let booted = slots.iter().position(|slot| slot.booted).ok_or_else(|| no("booted"))?;
        let booted = slots.swap_remove(booted);
        let other = slots.into_iter().next().ok_or_else(|| no("other"))?;
        Ok(Slots { booted, other })
    }

    /// Whether RAUC accepts the signature of a bundle.
    ///
    /// # Errors
    /// RAUC's reason, when it does not.
    pub fn inspect(&self, bundle: &Path) -> Result<(), RaucError> {
        let arguments: HashMap<&str, Value<'_>> = HashMap::new();
        let path = bundle.to_string_lossy();
        match self.proxy.call::<_, _, HashMap<String, OwnedValue>>("InspectBundle", &(&*path, arguments)) {
            Ok(_) => Ok(()),
            Err(zbus::Error::MethodError(name, ..)) if name.ends_with(".UnknownMethod") => self.info(bundle),
            Err(error) => Err(said(error)),
        }
    }

    /// `rauc info`, with the keyring of the system.
    fn info(&self, bundle: &Path) -> Result<(), RaucError> {
        let mut command = Command::new("rauc");
        command.arg("--conf").arg(&self.configuration).args(["--output-format=shell", "info"]).arg(bundle);
        let output = command.output().map_err(|error| RaucError::Absent(format!("rauc info: {error}")))?;
        if output.status.success() {
            return Ok(());
        }
        let words = String::from_utf8_lossy(&output.stderr);
        let last = words.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("rauc info refused it");
        Err(RaucError::Said(one_line(last)))
    }

    /// Whether RAUC is installing something, for whomever.
    ///
    /// # Errors
    /// When RAUC does not answer.
    pub fn is_busy(&self) -> Result<bool, RaucError> {
        self.proxy.get_property::<String>("Operation").map(|operation| operation != "idle").map_err(said)
    }

    /// Installs a bundle into the other slot and waits for the end; `progress` hears percent and RAUC's words.
    ///
    /// # Errors
    /// RAUC's last error.
    pub fn install(&self, bundle: &Path, progress: &mut dyn FnMut(u8, &str)) -> Result<(), RaucError> {
        let messages = self.listen().map_err(said)?;
        let arguments: HashMap<&str, Value<'_>> = HashMap::new();
        self.proxy.call::<_, _, ()>("InstallBundle", &(&*bundle.to_string_lossy(), arguments)).map_err(said)?;
        for message in messages {
            let message = message.map_err(said)?;
            match heard(&message) {
                Some(Heard::Completed(0)) => return Ok(()),
                Some(Heard::Completed(_)) => return Err(RaucError::Said(self.last_error())),
                Some(Heard::Progress(percent, words)) => progress(percent, &words),
                Some(Heard::Gone) => return Err(RaucError::Absent("RAUC ended in the middle".into())),
                None => {}
            }
        }
        Err(RaucError::Absent("the bus ended in the middle".into()))
    }

    /// All messages, with RAUC's signals and the word of its end among them.
    fn listen(&self) -> zbus::Result<MessageIterator> {
        let signals = || MatchRule::builder().msg_type(message::Type::Signal);
        let of_rauc = signals().sender(NAME)?.path(PATH)?.build();
        let owner = signals().sender("org.freedesktop.DBus")?.member("NameOwnerChanged")?.add_arg(NAME)?.build();
        let bus = DBusProxy::new(&self.connection)?;
        let messages = MessageIterator::from(self.connection.clone());
        bus.add_match_rule(of_rauc)?;
        bus.add_match_rule(owner)?;
        Ok(messages)
    }

    fn last_error(&self) -> String {
        let words: String = self.proxy.get_property("LastError").unwrap_or_default();
        if words.is_empty() { "RAUC gave no reason".to_owned() } else { one_line(&words) }
    }

    /// `mark`: `good`, `bad` or `active`, of `slot`: `booted`, `other` or a name.
    ///
    /// # Errors
    /// RAUC's reason, when it did not.
    pub fn mark(&self, mark: &str, slot: &str) -> Result<(), RaucError> {
        self.proxy.call::<_, _, (String, String)>("Mark", &(mark, slot)).map(|_| ()).map_err(said)
    }

    /// Restarts the device, through logind where it is there.
    ///
    /// # Errors
    /// When nobody takes the order.
    pub fn restart(&self) -> Result<(), RaucError> {
        let logind = BusName::try_from("org.freedesktop.login1").map_err(|error| said(error.into()))?;
        let asked = self.connection.call_method(
            Some(logind),
            "/org/freedesktop/login1",
            Some("org.freedesktop.login1.Manager"),
            "Reboot",
            &(false,),
        );
        match asked {
            Ok(_) => return Ok(()),
            Err(error) if !self.is_this_machine => return Err(said(error)),
            Err(_) => {}
        }
        match Command::new("systemctl").arg("reboot").status() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(RaucError::Said(format!("systemctl reboot: {status}"))),
            Err(error) => Err(RaucError::Absent(format!("systemctl reboot: {error}"))),
        }
    }
}

enum Heard {
    Completed(i32),
    Progress(u8, String),
    Gone,
}

fn heard(message: &Message) -> Option<Heard> {
    let header = message.header();
    match header.member()?.as_str() {
        "Completed" if header.interface()?.as_str() == INTERFACE => {
            message.body().deserialize().ok().map(Heard::Completed)
        }
        "PropertiesChanged" if header.path()?.as_str() == PATH => progress_of(message),
        "NameOwnerChanged" => {
            let (name, _, owner): (String, String, String) = message.body().deserialize().ok()?;
            (name == NAME && owner.is_empty()).then_some(Heard::Gone)
        }
        _ => None,
    }
}

fn progress_of(message: &Message) -> Option<Heard> {
    let body = message.body();
    let (_, changed, _): (String, HashMap<String, OwnedValue>, Vec<String>) = body.deserialize().ok()?;
    let (percent, words, _): (i32, String, i32) = changed.get("Progress")?.try_clone().ok()?.try_into().ok()?;
    Some(Heard::Progress(u8::try_from(percent.clamp(0, 100)).unwrap_or(0), one_line(&words)))
}

/// Slots without a boot name belong to others and cannot be booted.
fn slot(name: &str, status: &HashMap<String, OwnedValue>) -> Option<Slot> {
    let text = |key| status.get(key).and_then(|value| value.downcast_ref::<&str>().ok()).map(str::to_owned);
    Some(Slot {
        name: name.to_owned(),
        bootname: text("bootname").filter(|bootname| !bootname.is_empty())?,
        booted: text("state").as_deref() == Some("booted"),
        good: text("boot-status").as_deref() == Some("good"),
        version: text("bundle.version").filter(|version| !version.is_empty()),
    })
}

/// Errors of the bus, not of RAUC: nobody answered.
const NOBODY: [&str; 6] = ["ServiceUnknown", "NameHasNoOwner", "NoReply", "Disconnected", "AccessDenied", "Timeout"];

/// RAUC's words where it answered with an error; otherwise what D-Bus says of its absence.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn said(error: zbus::Error) -> RaucError {
    let zbus::Error::MethodError(name, words, _) = &error else {
        return RaucError::Absent(one_line(&error.to_string()));
    };
    let words = one_line(words.as_deref().unwrap_or(name.as_str()));
    let of_bus = name.strip_prefix("org.freedesktop.DBus.Error.");
    if of_bus.is_some_and(|error| NOBODY.contains(&error) || error.starts_with("Spawn.")) {
        RaucError::Absent(words)
    } else {
        RaucError::Said(words)
    }
}
