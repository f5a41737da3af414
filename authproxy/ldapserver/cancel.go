package ldapserver

import (
	"errors"
	"math"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

// oidCancel is the Cancel operation of RFC 3909.
const oidCancel = "1.3.6.1.1.8"

var errCancelValue = errors.New("the value of a Cancel request is not a SEQUENCE of one message ID")

// cancelRequest cancels the request that a Cancel operation names. The answer
// to the Cancel comes after the answer to that request.
func (c *Conn) cancelRequest(x *exchange) {
	target, code, text := cancelTarget(&x.msg)
	if code != ldapwire.Success {
		c.refuse(x, opCancel, code, text)
		return
	}
	c.mu.Lock()
	if p, ok := c.unqueue(target); ok {
		c.mu.Unlock()
		c.srv.buffers.put(p.raw)
		x.w.out = appendResult(x.w.out, p.id, p.op, ldapwire.Canceled, "", "")
		c.refuse(x, opCancel, ldapwire.Success, "")
		return
	}
	b := c.busy
	inService := b != nil && b.id == target && b.flags.Load()&abandoned == 0
	switch {
	case inService && b.done:
		code, text = ldapwire.TooLate, "the request has been answered"
	case inService && len(b.cancels) >= c.limits.MaxPendingPerConnection:
		code, text = ldapwire.Busy, "too many cancels are waiting on this connection"
	case inService && b.op != ldapwire.OpBindRequest:
		// Its turn comes when the handler has returned, in answerCancels.
		b.cancels = append(b.cancels, x.msg.ID)
		stop := c.interrupt(target, canceled)
		c.mu.Unlock()
		if stop != nil {
			stop()
		}
		return
	case c.outstanding(target):
		// RFC 3909, section 2: a bind cannot be cancelled.
		code, text = ldapwire.CannotCancel, "a bind cannot be cancelled"
	default:
		code, text = ldapwire.NoSuchOperation, "no such request is outstanding"
	}
	c.mu.Unlock()
	c.refuse(x, opCancel, code, text)
}

// answerCancels answers the Cancel operations that were waiting for the end of
// the request in x.
func (c *Conn) answerCancels(x *exchange, ids []int32) {
	for _, id := range ids {
		code, text := ldapwire.Success, ""
		if x.w.code != ldapwire.Canceled {
			code, text = ldapwire.TooLate, "the request could not be stopped any more"
		}
		x.w.out = appendResult(x.w.out, id, ldapwire.OpExtendedRequest, code, "", text)
		c.srv.metrics.count(opCancel, code)
	}
}

// cancelNothing answers a Cancel while no request is outstanding.
func (c *Conn) cancelNothing(x *exchange) {
	_, code, text := cancelTarget(&x.msg)
	if code == ldapwire.Success {
		code, text = ldapwire.NoSuchOperation, "no such request is outstanding"
	}
	c.refuse(x, opCancel, code, text)
}

// cancelTarget is what a Cancel request names, or why it is refused.
func cancelTarget(m *ldapwire.Message) (target int32, code ldapwire.ResultCode, text string) {
	if criticalControl(m) {
		return 0, ldapwire.UnavailableCriticalExtension, "Cancel takes no critical controls"
	}
	target, err := parseCancelValue(m.Extended.Value)
	if err != nil {
		return 0, ldapwire.ProtocolError, err.Error()
	}
	return target, ldapwire.Success, ""
}

// parseCancelValue reads cancelRequestValue ::= SEQUENCE { cancelID MessageID },
// all of which is shorter than 128 bytes.
func parseCancelValue(b []byte) (int32, error) {
	if len(b) < 5 || b[0] != 0x30 || int(b[1]) != len(b)-2 || b[2] != 0x02 || int(b[3]) != len(b)-4 || len(b) > 9 || b[4] > 0x7f {
		return 0, errCancelValue
	}
	var id int64
	for _, o := range b[4:] {
		id = id<<8 | int64(o)
	}
	if id > math.MaxInt32 {
		return 0, errCancelValue
	}
	return int32(id), nil
}
