//! How a test steers: clock, faults, regions; and what it reads back: the calls.

use jiff::SignedDuration;

use super::Cloud;
use crate::{calls::Call, fault::Fault};

impl Cloud {
    /// Moves the cloud's clock against the one that it reads: `+5 min` and the cloud lives five minutes ahead.
    pub fn set_offset(&self, offset: SignedDuration) {
        self.state().offset = offset;
    }

    /// How far the cloud's clock was moved.
    pub fn offset(&self) -> SignedDuration {
        self.state().offset
    }

    /// Makes the `Date` header wrong by this much, while everything is judged by the true time.
    pub fn set_date_skew(&self, skew: SignedDuration) {
        self.state().date_skew = skew;
    }

    /// Puts a fault in force; the number clears it.
    pub fn add_fault(&self, fault: Fault) -> u64 {
        let mut state = self.state();
        state.last_fault += 1;
        let number = state.last_fault;
        state.faults.insert(number, fault);
        number
    }

    /// Ends a fault. Tells whether there was one of that number.
    pub fn clear_fault(&self, number: u64) -> bool {
        self.state().faults.remove(&number).is_some()
    }

    /// Ends all faults.
    pub fn clear_faults(&self) {
        self.state().faults.clear();
    }

    /// The faults in force, those that are used up among them (`times` is 0).
    pub fn faults(&self) -> Vec<(u64, Fault)> {
        self.state().faults.iter().map(|(number, fault)| (*number, fault.clone())).collect()
    }

    /// STS is off in this region: `RegionDisabledException`.
    pub fn disable_region(&self, region: &str) {
        self.state().disabled_regions.insert(region.to_owned());
    }

    /// Undoes [`Cloud::disable_region`]. Tells whether the region was off.
    pub fn enable_region(&self, region: &str) -> bool {
        self.state().disabled_regions.remove(region)
    }

    /// Every call since the start, or since [`Cloud::forget_calls`], in the order of their arrival.
    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.values().cloned().collect()
    }

    /// How many calls of one action there were, whatever became of them.
    pub fn count(&self, action: &str) -> usize {
        self.state().calls.values().filter(|call| call.action == action).count()
    }

    /// Empties the call log.
    pub fn forget_calls(&self) {
        self.state().calls.clear();
    }

    /// Writes a call down as it arrives, so that one whose client went away is counted; the number settles it.
    pub(crate) fn record(&self, call: Call) -> u64 {
        let mut state = self.state();
        state.last_call += 1;
        let number = state.last_call;
        state.calls.insert(number, call);
        number
    }

    /// Says what became of a call, unless the log was emptied meanwhile.
    pub(crate) fn settle(&self, number: u64, outcome: String) {
        if let Some(call) = self.state().calls.get_mut(&number) {
            call.outcome = outcome;
        }
    }
}
