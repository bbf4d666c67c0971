//! Stripe: payments and subscriptions.
