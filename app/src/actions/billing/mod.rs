//! What customers can do with their own billing. None of these takes a subscription or an organisation: both come from who
//! is signed in.

mod add_payment_method;
mod cancel;
mod change_plan;
mod keep;
mod remove_payment_method;
mod set_default_payment_method;
mod start_subscription;
