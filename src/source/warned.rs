//! A source whose definition has something to tell: what the configuration had to mend (a duration, a session name) goes
//! with what it issues, so that whoever serves it says so once. Called by `aws_build`.

use std::sync::Arc;
use std::time::Duration;

use super::{Ingredient, Need, Renewal, Source};
use crate::credential::{Failure, Made, Renewed, SessionKey};
use crate::world::BoxFuture;

/// A source, and what is told with each credential of it.
pub(super) struct Warned {
    pub(super) source: Arc<dyn Source>,
    pub(super) warnings: Vec<String>,
}

impl Source for Warned {
    fn needs(&self) -> Need {
        self.source.needs()
    }

    fn renew(&self, renewal: Renewal) -> BoxFuture<'static, Result<Renewed, Failure>> {
        self.source.renew(renewal)
    }

    fn issue(&self, ingredient: Ingredient) -> BoxFuture<'static, Result<Made, Failure>> {
        self.warn(self.source.issue(ingredient))
    }

    fn issue_lasting(&self, ingredient: Ingredient, min_life: Duration) -> BoxFuture<'static, Result<Made, Failure>> {
        self.warn(self.source.issue_lasting(ingredient, min_life))
    }

    fn limited_by(&self) -> SessionKey {
        self.source.limited_by()
    }

    fn as_its_own(&self, failure: &Failure) -> Failure {
        self.source.as_its_own(failure)
    }

    fn rests(&self) -> Duration {
        self.source.rests()
    }
}

impl Warned {
    fn warn(&self, made: BoxFuture<'static, Result<Made, Failure>>) -> BoxFuture<'static, Result<Made, Failure>> {
        let warnings = self.warnings.clone();
        Box::pin(async move {
            let mut made = made.await?;
            made.warnings_mut().extend(warnings);
            Ok(made)
        })
    }
}
