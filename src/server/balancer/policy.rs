/// How a balancer chooses an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// A session stays with the instance that opened it.
    Sticky,
    /// Each connection goes to the next instance, whatever session it belongs to.
    RoundRobin,
}
