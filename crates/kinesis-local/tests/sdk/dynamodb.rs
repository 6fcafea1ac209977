//! What the lease table needs of DynamoDB.

use aws_sdk_dynamodb::types::ScalarAttributeType;
use aws_sdk_dynamodb::types::{AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType};

use crate::support::{dynamodb, start};

#[tokio::test]
async fn of_two_updates_under_one_condition_the_second_fails_and_returns_the_item() {
    let local = start(1).await;
    let client = dynamodb(&local);
    let key = KeySchemaElement::builder().attribute_name("leaseKey").key_type(KeyType::Hash).build().unwrap();
    let attribute = AttributeDefinition::builder().attribute_name("leaseKey");
    let attribute = attribute.attribute_type(ScalarAttributeType::S).build().unwrap();
    let table = client.create_table().table_name("leases").key_schema(key).attribute_definitions(attribute);
    table.billing_mode(BillingMode::PayPerRequest).send().await.unwrap();
    loop {
        let table = client.describe_table().table_name("leases").send().await.unwrap().table.unwrap();
        if table.table_status.is_some_and(|status| status.as_str() == "ACTIVE") {
            break;
        }
    }
    let number = |n: u32| AttributeValue::N(n.to_string());
    let put = client.put_item().table_name("leases").item("leaseKey", AttributeValue::S("shard".into()));
    put.item("leaseCounter", number(1)).send().await.unwrap();
    let renew = || {
        client
            .update_item()
            .table_name("leases")
            .key("leaseKey", AttributeValue::S("shard".into()))
            .update_expression("SET leaseCounter = :next")
            .condition_expression("leaseCounter = :seen")
            .expression_attribute_values(":seen", number(1))
            .expression_attribute_values(":next", number(2))
            .return_values_on_condition_check_failure("ALL_OLD".into())
            .send()
    };
    renew().await.unwrap();
    let refused = renew().await.unwrap_err().into_service_error();
    let aws_sdk_dynamodb::operation::update_item::UpdateItemError::ConditionalCheckFailedException(refused) = refused
    else {
        panic!("{refused:?}")
    };
    assert_eq!(refused.item.unwrap()["leaseCounter"], number(2));
    local.stop().await;
}
