package ldapserver

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

// An operation is what a request asks for, as the metrics call it.
type operation uint8

const (
	opInvalid operation = iota // what could not be understood
	opBind
	opUnbind
	opSearch
	opModify
	opAdd
	opDelete
	opModifyDN
	opCompare
	opAbandon
	opExtended
	opCancel
	opStartTLS
	operations
)

func (o operation) String() string {
	return [operations]string{"invalid", "bind", "unbind", "search", "modify", "add", "delete", "moddn", "compare",
		"abandon", "extended", "cancel", "starttls"}[o]
}

// operationOf is the operation that a request asks for.
func operationOf(m *ldapwire.Message) operation {
	switch m.Op {
	case ldapwire.OpBindRequest:
		return opBind
	case ldapwire.OpUnbindRequest:
		return opUnbind
	case ldapwire.OpSearchRequest:
		return opSearch
	case ldapwire.OpModifyRequest:
		return opModify
	case ldapwire.OpAddRequest:
		return opAdd
	case ldapwire.OpDelRequest:
		return opDelete
	case ldapwire.OpModifyDNRequest:
		return opModifyDN
	case ldapwire.OpCompareRequest:
		return opCompare
	case ldapwire.OpAbandonRequest:
		return opAbandon
	case ldapwire.OpExtendedRequest:
		switch string(m.Extended.Name) {
		case oidCancel:
			return opCancel
		case oidStartTLS:
			return opStartTLS
		}
		return opExtended
	}
	return opInvalid
}

// codes is the number of result codes that have a counter of their own at
// hand; the highest of RFC 4511 and RFC 3909 is 121.
const codes = 128

// metrics are a server's. The children of the vectors are looked up once:
// WithLabelValues hashes its labels at each call.
type metrics struct {
	requests  *prometheus.CounterVec
	durations *prometheus.HistogramVec

	counters  [operations][codes]atomic.Pointer[prometheus.Counter]
	plain     [operations]atomic.Pointer[prometheus.Counter] // of what has no answer
	observers [operations]prometheus.Observer
}

func newMetrics(r prometheus.Registerer, connections, most func() float64) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "dialtree_ldap_requests_total",
			Help: "LDAP requests by operation and by the name of the result code; none where an operation has no answer or was abandoned.",
		}, []string{"operation", "result"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "dialtree_ldap_request_duration_seconds",
			Help:    "Time from the receipt of an LDAP request to its last response.",
			Buckets: []float64{.0001, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"operation"}),
	}
	for o := range operations {
		switch o {
		case opInvalid, opUnbind, opAbandon, opCancel, opStartTLS:
		default:
			m.observers[o] = m.durations.WithLabelValues(o.String())
		}
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.requests, m.durations, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "dialtree_ldap_connections",
		Help: "LDAP connections that are open.",
	}, connections), prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "dialtree_ldap_connections_max",
		Help: "LDAP connections that may be open at a time: max_connections, or fewer where the process may not have as many descriptors.",
	}, most)} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// served counts a request that a handler has answered, or that was abandoned.
func (m *metrics) served(o operation, code ldapwire.ResultCode, abandoned bool, nanoseconds int64) {
	if abandoned {
		m.countPlain(o)
	} else {
		m.count(o, code)
	}
	m.observers[o].Observe(time.Duration(nanoseconds).Seconds())
}

func (m *metrics) count(o operation, code ldapwire.ResultCode) {
	if code < 0 || code >= codes {
		m.requests.WithLabelValues(o.String(), "unnamed").Inc()
		return
	}
	m.inc(&m.counters[o][code], o, code.String)
}

func (m *metrics) countPlain(o operation) {
	m.inc(&m.plain[o], o, func() string { return "none" })
}

func (m *metrics) inc(p *atomic.Pointer[prometheus.Counter], o operation, result func() string) {
	c := p.Load()
	if c == nil {
		child := m.requests.WithLabelValues(o.String(), result())
		c = &child
		p.Store(c)
	}
	(*c).Inc()
}
