package admin

import "github.com/prometheus/client_golang/prometheus"

// ExpiryCollector tells monitoring when certificates expire.
func (s *Server) ExpiryCollector() prometheus.Collector {
	return &expiryCollector{s, prometheus.NewDesc("dialtree_certificate_expiry_timestamp_seconds",
		"When a certificate expires: the server's own, and of the authorities of an upstream or connector the one that is good for longest.",
		[]string{"use"}, nil)}
}

type expiryCollector struct {
	server *Server
	desc   *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (c *expiryCollector) Describe(ch chan<- *prometheus.Desc) { ch <- c.desc }

// Collect implements prometheus.Collector. The files are read each time: they are replaced while the
// server runs.
func (c *expiryCollector) Collect(ch chan<- prometheus.Metric) {
	list, err := c.server.certificates()
	if err != nil {
		ch <- prometheus.NewInvalidMetric(c.desc, err)
		return
	}
	for _, certificate := range expiries(list) {
		ch <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, float64(certificate.NotAfter.Unix()), certificate.Use)
	}
}
