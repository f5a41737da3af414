// Package resources finds out what the system lets this process have, and shares it out before it is short:
// descriptors (ulimit -n, or LimitNOFILE= of systemd) and the memory of a control group (a container's, or
// MemoryMax= of systemd). It changes no limit of the system's. Where the system does not say, there is none.
package resources
