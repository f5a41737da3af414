package ldapserver

// unbind ends the connection as its client asks (RFC 4511, section 4.3), once
// the answers to what came before are written. What is in service is told to
// stop.
func (c *Conn) unbind(x *exchange) {
	c.srv.metrics.countPlain(opUnbind)
	c.tell(Event{Kind: Served, Message: &x.msg})
	c.because(errUnbound)
	// An error means that the client did not wait for its answers.
	_ = x.w.flush()
	c.end()
}
