//! What a lease table needs of DynamoDB.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::{UpdateItemError, UpdateItemOutput};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ReturnValue,
    ReturnValuesOnConditionCheckFailure, ScalarAttributeType, TableStatus,
};
use futures::future::join_all;

use crate::check::{Verdict, list_checks};
use crate::mismatch::{Mismatch, ensure, equal, present};
use crate::pace::Pace;
use crate::stage::Stage;

list_checks!("dynamodb",
    a_table_becomes_active: "A table with a string key and on-demand billing becomes ACTIVE.",
    creating_a_table_twice_is_in_use: "Creating a table that exists is a ResourceInUseException.",
    an_unknown_table_is_not_found: "Describing a table that does not exist is a ResourceNotFoundException.",
    an_item_is_created_once: "PutItem with attribute_not_exists succeeds once and then fails its condition.",
    a_failed_condition_returns_the_item: "A failed condition returns the item when it is asked to.",
    of_many_takers_one_wins: "Of 20 conditional updates of one counter at once, exactly one succeeds.",
    an_update_leaves_other_attributes_alone: "UpdateItem changes the attributes it names and no others.",
    an_attribute_is_removed: "REMOVE takes an attribute away, and attribute_not_exists sees it.",
    a_condition_on_a_missing_item_fails: "An update under a condition on an attribute fails for an item that does not exist, and makes none.",
    an_update_without_a_condition_makes_the_item: "UpdateItem of a key that does not exist makes the item.",
    a_scan_returns_all_items_page_by_page: "Scan with Limit returns every item once, page by page.",
    a_consistent_read_sees_the_last_write: "GetItem with ConsistentRead sees the update before it.",
    a_delete_under_a_condition_deletes_only_then: "DeleteItem under a condition deletes the item only if it holds.",
    numbers_of_38_digits_are_kept: "A number of 38 digits is read back as it was written.",
);

/// A table with a string key.
struct Table {
    client: Client,
    name: String,
}

type Item = HashMap<String, AttributeValue>;

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn number(value: u64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

impl Table {
    async fn create(stage: &Stage) -> Result<Self, Mismatch> {
        let table = Self { client: stage.dynamodb()?.clone(), name: stage.table_name() };
        table.try_create().await?;
        let mut pace = Pace::for_the("a table to become ACTIVE");
        loop {
            let reply = table.client.describe_table().table_name(&table.name).send().await?;
            if present("Table", reply.table)?.table_status == Some(TableStatus::Active) {
                return Ok(table);
            }
            pace.pause().await?;
        }
    }

    async fn try_create(&self) -> Verdict {
        let key = KeySchemaElement::builder().attribute_name("leaseKey").key_type(KeyType::Hash).build()?;
        let attribute = AttributeDefinition::builder().attribute_name("leaseKey");
        let attribute = attribute.attribute_type(ScalarAttributeType::S).build()?;
        let create = self.client.create_table().table_name(&self.name).key_schema(key);
        create.attribute_definitions(attribute).billing_mode(BillingMode::PayPerRequest).send().await?;
        Ok(())
    }

    async fn put(&self, key: &str, counter: u64) -> Verdict {
        let put = self.client.put_item().table_name(&self.name).item("leaseKey", text(key));
        put.item("leaseCounter", number(counter)).item("checkpoint", text("TRIM_HORIZON")).send().await?;
        Ok(())
    }

    async fn item(&self, key: &str) -> Result<Option<Item>, Mismatch> {
        let get = self.client.get_item().table_name(&self.name).key("leaseKey", text(key)).consistent_read(true);
        Ok(get.send().await?.item)
    }

    /// Takes a lease if its counter is still that.
    async fn take(&self, key: &str, seen: u64, owner: &str) -> Result<UpdateItemOutput, UpdateItemError> {
        let update = self.client.update_item().table_name(&self.name).key("leaseKey", text(key));
        let update = update.update_expression("SET leaseOwner = :owner, leaseCounter = :next");
        let update = update.condition_expression("leaseCounter = :seen");
        let update = update.expression_attribute_values(":owner", text(owner));
        let update = update.expression_attribute_values(":seen", number(seen));
        let update = update.expression_attribute_values(":next", number(seen + 1));
        let update = update.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let update = update.return_values(ReturnValue::AllNew);
        update.send().await.map_err(aws_sdk_dynamodb::error::SdkError::into_service_error)
    }
}

/// That an update failed its condition.
fn condition_failed(outcome: Result<UpdateItemOutput, UpdateItemError>) -> Result<Option<Item>, Mismatch> {
    match outcome {
        Err(UpdateItemError::ConditionalCheckFailedException(failed)) => Ok(failed.item),
        Err(other) => Err(Mismatch::new(format!("expected a failed condition, saw {:?}", other.code()))),
        Ok(_) => Err(Mismatch::new("expected a failed condition, but the update succeeded")),
    }
}

async fn a_table_becomes_active(stage: &Stage) -> Verdict {
    Table::create(stage).await.map(|_| ())
}

async fn creating_a_table_twice_is_in_use(stage: &Stage) -> Verdict {
    let table = Table::create(stage).await?;
    match table.try_create().await {
        Err(mismatch) if mismatch.to_string().contains("ResourceInUseException") => Ok(()),
        other => Err(Mismatch::new(format!("expected ResourceInUseException, saw {other:?}"))),
    }
}

async fn an_unknown_table_is_not_found(stage: &Stage) -> Verdict {
    let call = stage.dynamodb()?.describe_table().table_name(stage.table_name()).send().await;
    let code = call.err().and_then(|error| error.code().map(str::to_owned));
    equal("code", &code.as_deref(), &Some("ResourceNotFoundException"))
}

async fn an_item_is_created_once(stage: &Stage) -> Verdict {
    let table = Table::create(stage).await?;
    let put = || {
        let put = table.client.put_item().table_name(&table.name).item("leaseKey", text("shard"));
        put.condition_expression("attribute_not_exists(leaseKey)").send()
    };
    put().await?;
    let again = put().await.err().map(aws_sdk_dynamodb::error::SdkError::into_service_error);
    ensure!(matches!(again, Some(PutItemError::ConditionalCheckFailedException(_))), "the second put: {again:?}");
    Ok(())
}

async fn a_failed_condition_returns_the_item(stage: &Stage) -> Verdict {
    let table = Table::create(stage).await?;
    table.put("shard", 7).await?;
    let item = present("Item", condition_failed(table.take("shard", 6, "me").await)?)?;
    equal("leaseCounter", &item.get("leaseCounter"), &Some(&number(7)))
}

async fn of_many_takers_one_wins(stage: &Stage) -> Verdict {
    let table = &Table::create(stage).await?;
    table.put("shard", 1).await?;
    let takers = (0..20).map(|n| async move { table.take("shard", 1, &format!("worker {n}")).await.is_ok() });
    let winners = join_all(takers).await.into_iter().filter(|won| *won).count();
    equal("winners", &winners, &1)?;
    let item = present("the item", table.item("shard").await?)?;
    equal("leaseCounter", &item.get("leaseCounter"), &Some(&number(2)))
}

async fn an_update_leaves_other_attributes_alone(stage: &Stage) -> Verdict {
    let table = Table::create(stage).await?;
    table.put("shard", 1).await?;
    let reply = table.take("shard", 1, "me").await.map_err(|error| Mismatch::new(format!("{error:?}")))?;
    let item = present("the item after the update", reply.attributes)?;
    equal("checkpoint", &item.get("checkpoint"), &Some(&text("TRIM_HORIZON")))?;
    equal("leaseOwner", &item.get("leaseOwner"), &Some(&text("me")))
}

async fn an_attribute_is_removed(stage: &Stage) -> Verdict {
    let table = Table::create(stage).await?;
    table.put("shard", 1).await?;
    table.take("shard", 1, "me").await.map_err(|error| Mismatch::new(format!("{error:?}")))?;
    for owner_is_there in [true, false] {
        let update = table.client.update_item().table_name(&table.name).key("leaseKey", text("shard"));
        let condition =
            if owner_is_there { "attribute_exists(leaseOwner)" } else { "attribute_not_exists(leaseOwner)" };
        update.update_expression("REMOVE leaseOwner").condition_expression(condition).send().await?;
    }
    let item = present("the item", table.item("shard").await?)?;
    equal("leaseOwner", &item.get("leaseOwner"), &None)
}

async fn a_condition_on_a_missing_item_fails(stage: &Stage) -> Verdict {
    let table = Table::create(stage).await?;
    condition_failed(table.take("nobody", 1, "me").await)?;
    equal("the item", &table.item("nobody").await?, &None)
}

async fn an_update_without_a_condition_makes_the_item(stage: &Stage) -> Verdict {
    let table = Table::create(stage).await?;
    let update = table.client.update_item().table_name(&table.name).key("leaseKey", text("shard"));
    let update = update.update_expression("SET leaseCounter = :one").expression_attribute_values(":one", number(1));
    update.send().await?;
    let item = present("the item", table.item("shard").await?)?;
    equal("leaseCounter", &item.get("leaseCounter"), &Some(&number(1)))
}

async fn a_scan_returns_all_items_page_by_page(stage: &Stage) -> Verdict {
    let table = Table::create(stage).await?;
    for n in 0..7 {
        table.put(&format!("shard-{n}"), n).await?;
    }
    let (mut keys, mut start, mut pages) = (Vec::new(), None, 0);
    loop {
        let scan = table.client.scan().table_name(&table.name).limit(3).consistent_read(true);
        let page = scan.set_exclusive_start_key(start).send().await?;
        keys.extend(page.items().iter().filter_map(|item| item.get("leaseKey")?.as_s().ok().cloned()));
        pages += 1;
        start = page.last_evaluated_key;
        if start.is_none() {
            break;
        }
    }
    keys.sort();
    equal("keys", &keys, &(0..7).map(|n| format!("shard-{n}")).collect())?;
    ensure!(pages >= 3, "7 items came in {pages} pages of 3");
    Ok(())
}

async fn a_consistent_read_sees_the_last_write(stage: &Stage) -> Verdict {
    let table = Table::create(stage).await?;
    for counter in 0..20 {
        table.put("shard", counter).await?;
        let item = present("the item", table.item("shard").await?)?;
        equal("leaseCounter", &item.get("leaseCounter"), &Some(&number(counter)))?;
    }
    Ok(())
}

async fn a_delete_under_a_condition_deletes_only_then(stage: &Stage) -> Verdict {
    let table = Table::create(stage).await?;
    table.put("shard", 5).await?;
    let delete = |counter| {
        let delete = table.client.delete_item().table_name(&table.name).key("leaseKey", text("shard"));
        let delete = delete.condition_expression("leaseCounter = :seen");
        delete.expression_attribute_values(":seen", number(counter)).send()
    };
    let code = delete(4).await.err().and_then(|error| error.code().map(str::to_owned));
    equal("code", &code.as_deref(), &Some("ConditionalCheckFailedException"))?;
    ensure!(table.item("shard").await?.is_some(), "the item is gone");
    delete(5).await?;
    equal("the item", &table.item("shard").await?, &None)
}

async fn numbers_of_38_digits_are_kept(stage: &Stage) -> Verdict {
    let table = Table::create(stage).await?;
    let large = AttributeValue::N("12345678901234567890123456789012345678".to_owned());
    let put = table.client.put_item().table_name(&table.name).item("leaseKey", text("shard"));
    put.item("number", large.clone()).send().await?;
    let item = present("the item", table.item("shard").await?)?;
    equal("number", &item.get("number"), &Some(&large))
}
