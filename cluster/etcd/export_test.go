package etcd

import "time"

// SetStreamLife is for an etcd whose tokens do not last for minutes.
func (c *Client) SetStreamLife(d time.Duration) { c.streamLife = d }
