//! How a test gives people devices, reads codes off them, and looks at what was sent.

use std::time::SystemTime;

use super::{Device, SentCode, totp};
use crate::Cloud;

impl Cloud {
    /// Gives a user (by ARN, or by name) a device of this serial, in place of one that has it already. Its seed comes back, in
    /// base 32.
    pub fn add_device(&self, user: &str, serial: &str) -> String {
        let seed = totp::random_seed();
        self.put_device(user, serial, seed.to_vec());
        totp::write_seed(&seed)
    }

    /// The same with a seed of the caller's choice. Tells whether it could be read.
    pub fn add_device_with_seed(&self, user: &str, serial: &str, seed: &str) -> bool {
        totp::read_seed(seed).map(|seed| self.put_device(user, serial, seed)).is_some()
    }

    /// Takes a device away from its user. Tells whether there is such.
    pub fn remove_device(&self, serial: &str) -> bool {
        self.state().devices.all.remove(serial).is_some()
    }

    /// Every device, by serial.
    pub fn devices(&self) -> Vec<Device> {
        self.state().devices.all.values().cloned().collect()
    }

    /// What a device shows now, by the cloud's clock: `123456`.
    ///
    /// # Panics
    ///
    /// There is no such device.
    pub fn code_of(&self, serial: &str) -> String {
        self.code_at(serial, self.now())
    }

    /// What a device shows at a time.
    ///
    /// # Panics
    ///
    /// There is no such device.
    pub fn code_at(&self, serial: &str, time: SystemTime) -> String {
        self.try_code_at(serial, time).unwrap_or_else(|| panic!("there is no device {serial}"))
    }

    /// The same, or nothing when there is no such device.
    pub(crate) fn try_code_at(&self, serial: &str, time: SystemTime) -> Option<String> {
        self.state().devices.all.get(serial).map(|device| totp::code(&device.seed, totp::step_of(time)))
    }

    /// Every code that was ever sent for a serial, known or not, in the order of arrival; those too whose call failed or was
    /// never looked at.
    pub fn codes_sent(&self, serial: &str) -> Vec<SentCode> {
        self.state().devices.sent.get(serial).cloned().unwrap_or_default()
    }

    /// The serials that codes were sent for.
    pub(crate) fn serials_sent(&self) -> Vec<String> {
        self.state().devices.sent.keys().cloned().collect()
    }

    fn put_device(&self, user: &str, serial: &str, seed: Vec<u8>) {
        let device = Device { serial: serial.to_owned(), user: user.to_owned(), seed, spent: None };
        self.state().devices.all.insert(serial.to_owned(), device);
    }
}
