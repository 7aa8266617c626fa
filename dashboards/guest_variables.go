package dashboards

// The variables of one guest. Kind and runtime tell guests of one name apart, and have
// one value where there is one such guest. None has All: figures of two guests would be
// added.

// ofTheGuest goes to the evidence of the guest that is shown.
const ofTheGuest = "&var-host=${host:percentencode}&${guest:queryparam}&var-at=${host:percentencode}&var-victim_kind=${kind:percentencode}&var-victim_runtime=${runtime:percentencode}"

func guestVariable() Variable {
	return Variable{Name: "guest", Label: "Guest", Query: "label_values(virt_guest_info{" + ofHost + "}, guest)"}
}

func guestKindVariable() Variable {
	return Variable{Name: "kind", Label: "Kind", Query: "label_values(virt_guest_info{" + ofHost + ",guest=~`${guest:regex}`}, kind)"}
}

func guestRuntimeVariable() Variable {
	return Variable{Name: "runtime", Label: "Runtime", Query: "label_values(virt_guest_info{" + ofHost + ",guest=~`${guest:regex}`,kind=~\"$kind\"}, runtime)"}
}
