package dashboards

// The variables of one guest. Kind and runtime tell guests of one name apart, and have
// one value where there is one such guest. None has All: figures of two guests would be
// added.

func guestVariable() Variable {
	return Variable{Name: "guest", Label: "Guest", Query: "label_values(virt_guest_info{" + ofHost + "}, guest)"}
}

func guestKindVariable() Variable {
	return Variable{Name: "kind", Label: "Kind", Query: "label_values(virt_guest_info{" + ofHost + ",guest=~`${guest:regex}`}, kind)"}
}

func guestRuntimeVariable() Variable {
	return Variable{Name: "runtime", Label: "Runtime", Query: "label_values(virt_guest_info{" + ofHost + ",guest=~`${guest:regex}`,kind=~\"$kind\"}, runtime)"}
}
