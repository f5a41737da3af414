//go:build linux

package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/dialtree/dialtree/e2e/fixture"
)

// local measures what needs no directory behind, against slapd's own local bind.
func (b *bench) local(ctx context.Context) error {
	slapd, err := fixture.StartSlapd(ctx, fixture.SlapdOptions{Dir: b.sub("local-slapd"), Users: b.users})
	if err != nil {
		return err
	}
	defer slapd.Stop()
	d, err := b.dialtree(ctx, "local-dialtree", slapd.Address, "cache: {success: 10m}")
	if err != nil {
		return err
	}
	defer d.Stop()
	devices, err := b.devices(ctx, d)
	if err != nil {
		return err
	}
	// The cache knows a user after the first bind; every user binds before the
	// rounds begin.
	cached := contender{name: "Dialtree, bind from the success cache", process: d.Process, address: d.Address, requests: b.binds(fixture.DialtreeDN)}
	if err := fill(cached); err != nil {
		return err
	}
	slapdBind := fixture.BindRequest(firstID, fixture.SlapdDN(b.users[0].UID), b.users[0].Password)
	dialtreeBind := fixture.BindRequest(firstID, fixture.DialtreeDN(b.users[0].UID), b.users[0].Password)
	whoAmI := [][]byte{fixture.WhoAmIRequest(firstID)}
	contenders := []contender{
		{name: "slapd, local bind", process: slapd.Process, address: slapd.Address, requests: b.binds(fixture.SlapdDN)},
		cached,
		{name: "Dialtree, bind of a device", process: d.Process, address: d.Address, requests: devices},
		{name: "Dialtree, Who am I?", process: d.Process, address: d.Address, setup: dialtreeBind, requests: whoAmI},
		{name: "slapd, Who am I?", process: slapd.Process, address: slapd.Address, setup: slapdBind, requests: whoAmI},
	}
	fmt.Fprintf(b.out, "\n### Requests answered here\n\nThe ratio is to slapd's local bind in the same round.\n")
	for _, s := range shapes[:3] {
		rows, err := b.compare(ctx, contenders, s)
		if err != nil {
			return err
		}
		b.print(strings.ToUpper(s.title[:1])+s.title[1:], "requests", rows)
	}
	return nil
}

// devices makes a hundred devices and returns their bind requests.
func (b *bench) devices(ctx context.Context, d *fixture.Dialtree) ([][]byte, error) {
	var yaml strings.Builder
	var requests [][]byte
	for i := range 100 {
		name, password := fmt.Sprintf("phone%02d", i), fmt.Sprintf("device-secret-%02d", i)
		fmt.Fprintf(&yaml, "---\nkind: device\nname: %s\npassword: %s\n", name, password)
		requests = append(requests, fixture.BindRequest(firstID, "cn="+name+",ou=devices,"+fixture.DialtreeBase, password))
	}
	return requests, d.Apply(ctx, yaml.String())
}

// fill sends every request of a contender once.
func fill(c contender) error {
	l := load{address: c.address, connections: 1, requests: c.requests, source: "127.0.0.1", limit: len(c.requests)}
	m, err := l.run(untilDone)
	if err == nil && m.wrong > 0 {
		err = fmt.Errorf("%d of %d binds failed", m.wrong, m.answers)
	}
	return err
}
