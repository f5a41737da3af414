package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/dialtree/dialtree/store"
)

// entriesCollector tells how many entries the store holds; the store knows no
// metrics.
type entriesCollector struct {
	store *store.Store
	desc  *prometheus.Desc
}

func newEntriesCollector(s *store.Store) *entriesCollector {
	return &entriesCollector{
		store: s,
		desc:  prometheus.NewDesc("dialtree_entries", "Entries in the store by kind.", []string{"kind"}, nil),
	}
}

// Describe is part of prometheus.Collector.
func (c *entriesCollector) Describe(ch chan<- *prometheus.Desc) { ch <- c.desc }

// Collect is part of prometheus.Collector.
func (c *entriesCollector) Collect(ch chan<- prometheus.Metric) {
	counts := c.store.Counts()
	for _, k := range store.Kinds() {
		ch <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, float64(counts.Of(k)), k.String())
	}
}
